"""core.call: what the ledger keeps of a request."""

from __future__ import annotations

from datetime import UTC, timedelta

from sleeptime.core.call import Call, Phase
from sleeptime.core.usage import Usage


def test_calls_have_their_own_id_and_a_time_in_utc() -> None:
    one, two = (Call(phase=Phase.WAKE, model="nano", usage=Usage()) for _ in range(2))
    assert one.id != two.id
    assert len(one.id) == 32
    assert one.at.tzinfo is UTC
    assert timedelta(0) <= two.at - one.at < timedelta(minutes=1)


def test_cost_is_unknown_unless_told() -> None:
    assert Call(phase=Phase.SLEEP, model="x", usage=Usage()).cost_usd is None
