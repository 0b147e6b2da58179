"""Store: no number of calls side by side, of tasks or of processes, goes over a cap; on both engines."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from sleeptime.core.call import RUNNING, Call, Phase, WorstCase
from sleeptime.core.caps import NO_CAPS, Cap, Caps
from sleeptime.core.errors import CapReached, InputError
from sleeptime.core.spend import Lane, Scope, Spend
from sleeptime.core.usage import Usage
from sleeptime.store.store import Store

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
TODAY = "2026-05-04"
WORST = WorstCase(100, 0.5)
CAPPED = {
    "job": Caps(job=Cap(max_tokens=1000)),
    "context": Caps(context_day=Cap(max_tokens=1000)),
    "tenant": Caps(tenant_day=Cap(max_tokens=1000)),
    "job in USD": Caps(job=Cap(max_usd=5.0)),
    "context in USD": Caps(context_day=Cap(max_usd=5.0)),
    "tenant in USD": Caps(tenant_day=Cap(max_usd=5.0)),
}


def running(context: str = "shop", job_id: str = "j", reserved: WorstCase = WORST, at: datetime = NOON) -> Call:
    return Call(
        phase=Phase.SLEEP,
        model="gpt-5",
        usage=Usage(),
        context=context,
        job_id=job_id,
        outcome=RUNNING,
        reserved=reserved,
        at=at,
    )


def ended(call: Call, tokens: int = 10, cost_usd: float | None = 0.05) -> Call:
    return replace(call, outcome="ok", usage=Usage(output_tokens=tokens), cost_usd=cost_usd, reserved=WorstCase())


async def begun(store: Store, call: Call, caps: Caps) -> bool:
    try:
        await store.ledger.begin(call, caps)
    except CapReached:
        return False
    return True


@pytest.mark.parametrize("caps", CAPPED.values(), ids=CAPPED)
async def test_tasks_side_by_side_reserve_no_more_than_the_cap(database_url: str, caps: Caps) -> None:
    stores = [await Store.open(database_url) for _ in range(3)]
    fits = await asyncio.gather(*(begun(stores[n % 3], running(), caps) for n in range(40)))
    assert sum(fits) == 10
    assert len(await stores[0].ledger.calls()) == 10, "what is refused leaves nothing"
    whole = Spend(reserved_tokens=1000, reserved_usd=5.0)
    assert (
        await stores[0].ledger.spend(Scope.TENANT, day=TODAY) == await stores[0].ledger.spend(Scope.JOB, "j") == whole
    )
    for store in stores:
        await store.close()


SPENDER = """
import asyncio, json, random, sys
from dataclasses import replace
from datetime import UTC, datetime
from sleeptime.core.call import RUNNING, Call, Phase, WorstCase
from sleeptime.core.caps import Cap, Caps
from sleeptime.core.errors import CapReached
from sleeptime.core.usage import Usage
from sleeptime.store.store import Store

async def main(url, who, seed):
    rng, made = random.Random(seed), []
    caps = Caps(Cap(3000, 30.0), Cap(4000, 40.0), Cap(5000, 50.0))
    async def spend(store, n):
        worst = WorstCase(rng.randint(50, 400), rng.uniform(0.5, 4.0))
        share = rng.random()
        used, cost_usd = Usage(output_tokens=int(worst.tokens * share)), worst.cost_usd * share
        call = Call(phase=Phase.SLEEP, model="m", usage=Usage(), context=f"c{n % 2}", job_id=f"j{n % 3}",
                    outcome=RUNNING, reserved=worst, worker=who, at=datetime(2026, 5, 4, 12, tzinfo=UTC))
        for _ in range(8):
            try:
                await store.ledger.begin(call, caps)
                break
            except CapReached as refusal:
                if not refusal.is_held:
                    return
                await asyncio.sleep(rng.uniform(0.05, 0.2))
        else:
            return
        made.append(worst.tokens)
        await asyncio.sleep(rng.uniform(0, 0.01))
        if n % 11 == 0:
            return  # never heard of again
        await store.ledger.end(replace(call, outcome="ok", usage=used, cost_usd=cost_usd, reserved=WorstCase()))
    async with await Store.open(url) as store:
        await asyncio.gather(*(spend(store, n) for n in range(40)))
    print(len(made))

asyncio.run(main(*json.loads(sys.argv[1])))
"""


async def test_processes_side_by_side_stay_within_every_cap_and_use_what_there_is(database_url: str) -> None:
    """Three processes of forty tasks each: what they used and hold never exceeds a cap, and the sums are the calls'."""

    def run(seed: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-c", SPENDER, json.dumps([database_url, f"w{seed}", seed])]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    done = await asyncio.gather(*(asyncio.to_thread(run, seed) for seed in range(3)))
    assert [each.returncode for each in done] == [0] * 3, [each.stderr for each in done]
    async with await Store.open(database_url) as store:
        calls = await store.ledger.calls()
        assert len(calls) == sum(int(each.stdout) for each in done)
        tenant = await store.ledger.spend(Scope.TENANT, day=TODAY)
        assert 3000 < tenant.most_tokens <= 5000
        assert tenant.most_usd <= 50.0
        for n in range(2):
            context = await store.ledger.spend(Scope.CONTEXT, f"c{n}", day=TODAY)
            assert 0 < context.most_tokens <= 4000
            assert asdict(context) == summed(call for call in calls if call.context == f"c{n}")
        for n in range(3):
            job = await store.ledger.spend(Scope.JOB, f"j{n}")
            assert 0 < job.most_tokens <= 3000
            assert asdict(job) == summed(call for call in calls if call.job_id == f"j{n}")
        lost = await store.ledger.lose([f"w{seed}" for seed in range(3)])
        assert lost == sum(call.outcome == RUNNING for call in calls) > 0
        after = await store.ledger.spend(Scope.TENANT, day=TODAY)
        assert (after.most_tokens, after.reserved_tokens) == (tenant.most_tokens, 0)


def summed(calls: Iterable[Call]) -> object:
    """What the calls add up to; money about so, for sums that are kept add it up in another order."""
    return pytest.approx(asdict(sum((Spend.of(call) for call in calls), Spend())))


@pytest.mark.parametrize("first", ["ended", "failed", "lost"])
async def test_what_was_used_and_what_nobody_knows_count_against_a_cap(store: Store, first: str) -> None:
    caps = Caps(tenant_day=Cap(max_tokens=150))
    call = replace(running(), worker="w")
    await store.ledger.begin(call, caps)
    assert not await begun(store, running(), caps)
    if first == "ended":
        await store.ledger.end(ended(call))
        assert await begun(store, running(), caps)
        return
    if first == "failed":
        await store.ledger.end(replace(call, outcome="ModelTimeout"))
    else:
        await store.ledger.lose(["w"])
    assert not await begun(store, running(), caps)
    assert await begun(store, running(reserved=WorstCase(50, 0.0)), caps)


async def test_a_refusal_says_what_is_left_and_whether_waiting_can_help(store: Store) -> None:
    caps = Caps(context_day=Cap(max_usd=0.8))
    await store.ledger.begin(running(), caps)
    with pytest.raises(CapReached, match=r"\$0\.8 per context and day leaves \$0\.3000.* may take \$0\.5000") as held:
        await store.ledger.begin(running(), caps)
    assert held.value.is_held
    assert "max_usd_per_context_day" in str(held.value)
    with pytest.raises(CapReached) as hopeless:
        await store.ledger.begin(running(reserved=WorstCase(1, 0.9)), caps)
    assert not hopeless.value.is_held
    both = Caps(tenant_day=Cap(max_tokens=50), context_day=Cap(max_usd=0.8))
    with pytest.raises(CapReached, match="50 tokens per day leaves 0, and the next call may take 100 tokens") as first:
        await store.ledger.begin(running(), both)
    assert not first.value.is_held, "what no other call can give back comes first"


async def test_a_cap_holds_its_own_scope_and_day_alone(store: Store) -> None:
    caps = Caps(Cap(max_tokens=200), Cap(max_tokens=100))
    assert await begun(store, running(), caps)
    assert not await begun(store, running(), caps), "the context has no room"
    assert await begun(store, running(context="other"), caps)
    assert not await begun(store, running(context="third"), caps), "the job has no room"
    assert await begun(store, running(job_id="k", at=NOON + timedelta(days=1)), caps)
    assert await begun(store.for_tenant("other"), running(), caps)


async def test_queries_are_never_refused_and_take_no_room(store: Store) -> None:
    none = Caps(Cap(0, 0.0), Cap(0, 0.0), Cap(0, 0.0))
    ask = replace(running(reserved=WorstCase(10**9, None)), phase=Phase.WAKE, job_id=None, query_id="q")
    await store.ledger.begin(ask, none)
    assert not await begun(store, running(), none)
    assert await begun(store, running(), Caps(tenant_day=Cap(max_tokens=100)))
    assert (await store.ledger.spend(Scope.TENANT, lane=Lane.WAKE)).reserved_tokens == 10**9


@pytest.mark.parametrize("phase", [Phase.VERIFY, Phase.GATE])
async def test_verification_and_gate_are_sleep(store: Store, phase: Phase) -> None:
    assert not await begun(store, replace(running(), phase=phase), Caps(tenant_day=Cap(max_tokens=99)))


@pytest.mark.parametrize("scope", ["job", "context_day", "tenant_day"])
async def test_an_unknown_price_needs_a_cap_in_tokens(store: Store, scope: str) -> None:
    unknown = running(reserved=WorstCase(100, None))
    with pytest.raises(InputError, match=r"the price of 'gpt-5' is unknown.*max_tokens_per_"):
        await store.ledger.begin(unknown, Caps(**{scope: Cap(max_usd=5.0)}))
    assert await store.ledger.calls() == ()
    assert await begun(store, unknown, Caps(**{scope: Cap(max_usd=5.0, max_tokens=100)}))
    assert not await begun(store, replace(unknown, id="next"), Caps(**{scope: Cap(max_usd=5.0, max_tokens=100)}))


async def test_without_caps_everything_is_counted_all_the_same(store: Store) -> None:
    for n in range(3):
        assert await begun(store, running(job_id=f"j{n}"), NO_CAPS)
    assert await store.ledger.spend(Scope.CONTEXT, "shop") == Spend(reserved_tokens=300, reserved_usd=1.5)


async def test_where_there_is_no_cap_no_sum_is_too_large_for_the_next_call(store: Store) -> None:
    huge = running()
    await store.ledger.begin(huge, NO_CAPS)
    await store.ledger.end(ended(huge, tokens=2**63 - 50))
    assert await begun(store, running(job_id="k"), NO_CAPS)
    assert await begun(store, running(context="other", job_id="k"), Caps(job=Cap(max_tokens=200)))


async def test_a_cap_in_one_unit_leaves_the_other_free(store: Store) -> None:
    first = running()
    await store.ledger.begin(first, NO_CAPS)
    await store.ledger.end(ended(first, tokens=10**12, cost_usd=1.0))
    assert await begun(store, running(), Caps(job=Cap(max_usd=2.0), tenant_day=Cap(max_usd=2.0)))
    assert not await begun(store, running(), Caps(job=Cap(max_usd=2.0), tenant_day=Cap(max_tokens=10**12)))
