"""Store: one tenant neither sees nor changes what another has."""

from __future__ import annotations

import pytest

from sleeptime.core.call import Call, Phase
from sleeptime.core.errors import InputError, NotFound
from sleeptime.core.query import Query
from sleeptime.core.usage import Usage
from sleeptime.store.entry import Keep
from sleeptime.store.store import Store
from tests.integration.store.builders import context, learned, note

SHOP = context(a="secret")
CALL = Call(phase=Phase.WAKE, model="m", usage=Usage(1), context="shop", id="one")
QUERY = Query(context="shop", text="q", route="full", budget="v0", answer="a", id="one")


async def test_nothing_of_another_tenant_can_be_read(store: Store) -> None:
    await store.add_context(SHOP)
    await store.make_live("shop", await store.stage(learned(SHOP, note("x", *SHOP.parts))))
    await store.ledger.end(CALL)
    await store.record_query(QUERY)
    other = store.for_tenant("other")
    assert (await other.contexts(), await other.ledger.calls(), await other.queries()) == ((), (), ())
    for look_up in (
        other.context,
        other.live,
        other.serving,
        other.shown,
        other.learned_versions,
        other.ledger.calls,
        other.queries,
    ):
        with pytest.raises(NotFound):
            await look_up("shop")
    with pytest.raises(NotFound):
        await other.learned("shop", 1)


async def test_nothing_of_another_tenant_can_be_changed(store: Store) -> None:
    await store.add_context(SHOP)
    number = await store.stage(learned(SHOP, note("x", *SHOP.parts)))
    other = store.for_tenant("other")
    for change in (
        other.make_live("shop", number),
        other.approve("shop", number),
        other.reject("shop", number, "no"),
        other.rollback("shop", number),
        other.prune("shop", Keep(last=1, days=0)),
        other.record_query(QUERY),
        other.stage(learned(SHOP, note("theirs"))),
        other.commit_sleep(learned(SHOP, note("theirs"))),
    ):
        with pytest.raises(NotFound):
            await change
    assert len(await store.learned_versions("shop")) == 1


async def test_tenants_use_the_same_names_texts_and_ids_apart(store: Store) -> None:
    other = store.for_tenant("other")
    mine, theirs = context(a="secret", b="mine"), context(a="secret", b="theirs")
    for each, added in ((store, mine), (other, theirs)):
        assert (await each.add_context(added))[1]
        assert await each.stage(learned(added, note(each.tenant, *added.parts))) == 1
        await each.make_live("shop", 1)
        await each.ledger.end(CALL)
        await each.record_query(QUERY)
    for each, added in ((store, mine), (other, theirs)):
        assert await each.context("shop") == added
        live = await each.live("shop")
        assert live is not None
        assert [n.text for n in live.notes] == [each.tenant]
        assert await each.ledger.calls() == (CALL,)
        assert await each.queries() == (QUERY,)


@pytest.mark.parametrize("tenant", ["", " ", "x" * 101, "a\nb", "\0"])
async def test_an_unusable_tenant_is_refused(store: Store, tenant: str) -> None:
    with pytest.raises(InputError, match="a tenant is 1 to 100 printable characters"):
        store.for_tenant(tenant)
