"""sleep.drafts: drafts that have to wait."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import NotNow
from sleeptime.models.scripted import AnyReply, ScriptedModel, ToolCall
from sleeptime.sleep.settings import SleepSettings
from sleeptime.sleep.sleep import sleep_on

CONTEXT = Context("shop", (Part("a.md", "Tom has 24 boxes of 3 apples."),))
SOON, LATER = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 13, tzinfo=UTC)


async def test_a_draft_that_has_to_wait_lets_the_others_go_on_and_the_earliest_moment_counts() -> None:
    script: list[AnyReply] = [
        NotNow("a batch", LATER),
        NotNow("a breaker", SOON),
        ToolCall("write_notes", {"notes": []}),
    ]
    model = ScriptedModel(script)
    with pytest.raises(NotNow, match="a breaker") as raised:
        await sleep_on(model, CONTEXT, SleepSettings(drafts=3, concurrency=1))
    assert raised.value.until == SOON
    assert len(model.requests) == 3, "the third draft was made though the first had to wait"
