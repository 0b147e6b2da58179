"""core.caps: what a cap leaves, which cap is missing beside one in USD, and what a refusal says."""

from __future__ import annotations

import math

import pytest

from sleeptime.core.call import WorstCase
from sleeptime.core.caps import NO_CAPS, PER, SETTING, Cap, Caps, refusal
from sleeptime.core.errors import InputError
from sleeptime.core.spend import Scope, Spend
from sleeptime.settings import Settings

SPENT = Spend(tokens=300, cost_usd=0.3, reserved_tokens=200, reserved_usd=0.2, doubt_tokens=100, doubt_usd=0.1)


@pytest.mark.parametrize(
    "limits", [{"max_tokens": -1}, {"max_usd": -0.01}, {"max_usd": math.nan}, {"max_usd": math.inf}]
)
def test_a_cap_is_an_amount(limits: dict[str, float]) -> None:
    with pytest.raises(InputError, match="a cap is"):
        Cap(**limits)  # type: ignore[arg-type]


def test_what_is_left_counts_calls_under_way_and_in_doubt_at_their_worst() -> None:
    left = Cap(max_tokens=1000, max_usd=1.0).left(SPENT)
    assert left.max_tokens == 400
    assert left.max_usd == pytest.approx(0.4)
    assert Cap(max_tokens=500, max_usd=0.5).left(SPENT) == Cap(0, 0.0)
    assert Cap().left(SPENT) == Cap()


def test_room_ends_exactly_at_the_cap() -> None:
    cap = Cap(max_tokens=700)
    assert cap.has_room(SPENT, WorstCase(100, None))
    assert not cap.has_room(SPENT, WorstCase(101, None))
    assert Cap(max_usd=0.0).has_room(Spend(), WorstCase(10**9, 0.0)), "what costs nothing fits under any money"
    assert not Cap(max_tokens=0).has_room(Spend(), WorstCase(1))


def test_caps_without_a_limit_are_none() -> None:
    assert not NO_CAPS
    assert not Caps(Cap(), Cap(), Cap())
    assert Caps(tenant_day=Cap(max_tokens=0))


def test_each_cap_in_usd_needs_one_in_tokens_for_an_unknown_price() -> None:
    caps = Caps(Cap(100, 1.0), Cap(None, 1.0), Cap(100, None))
    caps.check_price(0.0, "m")
    with pytest.raises(InputError, match=r"'m' is unknown, so the cap of \$1 per context and day cannot hold.*_day"):
        caps.check_price(None, "m")
    Caps(Cap(100, 1.0), Cap(100, 1.0), Cap(100)).check_price(None, "m")
    Caps(Cap(100, 0.0)).check_price(0.0, "m")
    with pytest.raises(InputError, match=r"cap of \$0 per sleep allows no call that costs; raise max_usd_per_job"):
        Caps(Cap(100, 0.0)).check_price(None, "m")


def test_what_a_refusal_names_are_settings() -> None:
    for scope in Scope:
        assert SETTING[scope] in Settings.model_fields
        error = refusal(scope, Cap(max_usd=0.6), SPENT, WorstCase(1, 0.05))
        assert SETTING[scope].replace("tokens", "usd") in str(error)
        assert SETTING[scope].replace("tokens", "usd") in Settings.model_fields
        assert PER[scope] in str(error)
        assert error.is_held
        assert ("next day" in str(error)) == (scope is not Scope.JOB)
    assert not refusal(Scope.JOB, Cap(max_tokens=400), SPENT, WorstCase(1)).is_held
