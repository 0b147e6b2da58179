"""Sleep in the background is refused at once where the same sleep in the foreground would be."""

from __future__ import annotations

from pathlib import Path

import pytest

from sleeptime import Part, Sleeptime
from sleeptime.core.errors import InputError

APPLES = Part("apples", "Tom has 3 bags of 24 apples.")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.mark.parametrize("model", ["nano", "openai-compatible:http://127.0.0.1:9/v1#mine"])
@pytest.mark.parametrize("tier", ["batch", "priority"])
async def test_a_tier_that_the_model_does_not_have_is_refused_with_the_same_words(
    url: str, model: str, tier: str
) -> None:
    async with Sleeptime(model, url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        with pytest.raises(InputError, match=f"has no tier {tier}; allowed: standard") as foreground:
            await sleeptime.sleep("apples", tier=tier)
        with pytest.raises(InputError) as background:
            await sleeptime.queue("apples", tier=tier)
        assert str(background.value) == str(foreground.value)
        with pytest.raises(InputError) as policy:
            await sleeptime.policy("apples", on_change="30s", tier=tier)
        assert str(policy.value) == str(foreground.value)
        assert await sleeptime.jobs() == ()


async def test_a_model_that_only_a_worker_can_open_is_taken_at_its_word(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    async with Sleeptime("openai:gpt-5-mini", url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        assert (await sleeptime.queue("apples", tier="batch")).settings["tier"] == "batch"
