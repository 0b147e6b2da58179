"""How sleep stands, as a library: jobs, what is due and what was spent, on both databases."""

from __future__ import annotations

import pytest

from sleeptime import Part, ScriptedModel, Sleeptime
from sleeptime.core.errors import NotFound
from sleeptime.core.job import JobState
from sleeptime.core.spend import Lane, Scope
from sleeptime.models.scripted import ToolCall
from sleeptime.settings import load_settings

APPLES = Part("apples", "Tom has 3 bags of 24 apples.")
WRITES = ToolCall("write_notes", {"notes": [{"kind": "fact", "text": "Tom has fruit."}]})


async def test_the_status_shows_jobs_wake_ups_and_what_is_left_of_the_caps(database_url: str) -> None:
    settings = load_settings(database_url=database_url, model="nano", max_tokens_per_day=1_000_000)
    async with Sleeptime(ScriptedModel([WRITES]), settings=settings) as sleeping:
        await sleeping.add("eaten", APPLES)
        slept = await sleeping.sleep("eaten")
    async with Sleeptime(settings=settings) as sleeptime:
        await sleeptime.add("apples", APPLES)
        await sleeptime.policy("apples", idle="10m", max_tokens_per_day=500)
        queued = await sleeptime.queue("apples")
        found = await sleeptime.status()
        assert [job.id for job in found.overview.jobs[JobState.QUEUED].items] == [queued.id]
        assert [name for name, _, _ in found.overview.wake_ups.items] == ["apples"]
        assert found.today[Lane.SLEEP].tokens == slept.usage.total_tokens > 0
        left = {item.scope: item.left.max_tokens for item in found.caps}
        assert left[Scope.TENANT] == 1_000_000 - slept.usage.total_tokens
        assert found.dead_after_s == settings.dead_after_s
        of_apples = await sleeptime.status("apples")
        assert of_apples.today[Lane.SLEEP].tokens == 0
        assert {item.scope: item.cap.max_tokens for item in of_apples.caps}[Scope.CONTEXT] == 500
        assert (await sleeptime.status("eaten")).overview.jobs[JobState.QUEUED].count == 0
        with pytest.raises(NotFound):
            await sleeptime.status("nowhere")


def test_the_blocking_shell_has_it_too(database_url: str) -> None:
    with Sleeptime.sync(ScriptedModel(["unused"]), database_url) as sleeptime:
        sleeptime.add("apples", APPLES)
        assert sleeptime.status("apples", limit=1).overview.context == "apples"
