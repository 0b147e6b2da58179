"""Store: the commit that a version of a context was read at."""

from __future__ import annotations

import pytest

from sleeptime.core.errors import NotFound
from sleeptime.core.origin import Origin
from sleeptime.store.store import Store
from tests.integration.store.builders import context

FIRST, SECOND = Origin("/src/shop", "1" * 40), Origin("/src/shop", "2" * 40)


async def test_a_version_knows_the_commit_that_it_was_read_at(store: Store) -> None:
    await store.add_context(context(a="one"), FIRST)
    path, commit_id = await store.repository_of("shop")
    assert (path, commit_id) == FIRST
    await store.add_context(context(a="two"), SECOND)
    assert await store.repository_of("shop") == SECOND
    await store.add_context(context(a="one"), FIRST)
    assert await store.repository_of("shop") == FIRST


async def test_a_version_that_the_context_stood_at_before_still_knows_its_commit(store: Store) -> None:
    await store.add_context(context(a="one"), FIRST)
    await store.add_context(context(a="two"), SECOND)
    assert await store.repository_of("shop", context(a="one").version) == FIRST
    assert await store.repository_of("shop", context(a="two").version) == SECOND
    await store.append("shop", ["a message"])
    assert await store.repository_of("shop", context(a="two").version) == SECOND
    with pytest.raises(NotFound, match="was not added from one git repository"):
        await store.repository_of("shop", "of nobody")


async def test_a_commit_that_changed_no_text_takes_the_place_of_the_one_before(store: Store) -> None:
    await store.add_context(context(a="one"), FIRST)
    assert await store.add_context(context(a="one"), SECOND) == (context(a="one").version, False)
    assert await store.repository_of("shop") == SECOND


async def test_a_version_that_was_not_read_from_a_repository_says_how_to_get_one(store: Store) -> None:
    await store.add_context(context(a="one"), FIRST)
    await store.append("shop", ["a message"])
    with pytest.raises(NotFound, match=r"'shop' was not added from one git repository .*sleeptime add shop PATH"):
        await store.repository_of("shop")
    with pytest.raises(NotFound, match="no context named 'other'"):
        await store.repository_of("other")


async def test_a_tenant_does_not_see_the_repository_of_another(store: Store) -> None:
    await store.add_context(context(a="one"), FIRST)
    with pytest.raises(NotFound, match="no context named"):
        await store.for_tenant("other").repository_of("shop")
    await store.for_tenant("other").add_context(context(a="one"))
    with pytest.raises(NotFound, match="was not added from one git repository"):
        await store.for_tenant("other").repository_of("shop")
