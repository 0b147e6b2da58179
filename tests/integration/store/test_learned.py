"""Store: learned contexts are staged, made live, rolled back, and served only where they still hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sleeptime.core.errors import EmptyInput, InputError, NotFound
from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict
from sleeptime.store.entry import Status
from sleeptime.store.store import Store
from tests.integration.store.builders import context, learned, note

SHOP = context(apples="24 apples a box", boxes="3 boxes")
APPLES, BOXES = SHOP.parts
TOTAL = Note(
    NoteKind.DERIVED,
    "Tom has 72 apples.",
    subject="Tom apples",
    value="72",
    derivation="24 * 3 = 72",
    depends_on=(APPLES.sha256, BOXES.sha256),
    votes=3,
    verdict=Verdict.VERIFIED,
)
LEARNED = learned(SHOP, TOTAL, note("A box has 24 apples.", APPLES))


async def states(store: Store) -> list[Status]:
    return [entry.status for entry in await store.learned_versions("shop")]


async def test_staged_notes_are_kept_and_not_served(store: Store) -> None:
    await store.add_context(SHOP)
    assert await store.stage(LEARNED, job_id="job", prompt_digest="p1") == 1
    assert await store.live("shop") is None
    assert await store.learned("shop", 1) == LEARNED
    (entry,) = await store.learned_versions("shop")
    assert (entry.number, entry.status, entry.notes, entry.digest) == (1, Status.STAGED, 2, LEARNED.digest)
    assert (entry.job_id, entry.prompt_digest, entry.context_version) == ("job", "p1", SHOP.version)


async def test_live_notes_come_back_whole_and_in_order(store: Store) -> None:
    await store.add_context(SHOP)
    await store.make_live("shop", await store.stage(LEARNED))
    assert await store.live("shop") == LEARNED
    serving = await store.serving("shop")
    assert (serving.context, serving.learned, serving.number) == (SHOP, LEARNED, 1)
    assert (await store.contexts())[0].live == 1


async def test_making_one_live_retires_the_one_before(store: Store) -> None:
    await store.add_context(SHOP)
    for _ in range(3):
        await store.make_live("shop", await store.stage(LEARNED))
    assert await states(store) == [Status.RETIRED, Status.RETIRED, Status.LIVE]
    await store.make_live("shop", 3)
    assert await states(store) == [Status.RETIRED, Status.RETIRED, Status.LIVE]


async def test_rollback_serves_an_earlier_one_again(store: Store) -> None:
    await store.add_context(SHOP)
    await store.make_live("shop", await store.stage(LEARNED))
    await store.make_live("shop", await store.stage(learned(SHOP, note("worse", APPLES))))
    await store.rollback("shop", 1)
    assert await store.live("shop") == LEARNED
    assert await states(store) == [Status.LIVE, Status.RETIRED]


async def test_only_the_written_transitions_are_allowed(store: Store) -> None:
    await store.add_context(SHOP)
    await store.make_live("shop", await store.stage(LEARNED))
    await store.make_live("shop", await store.stage(LEARNED))
    await store.stage(LEARNED)
    with pytest.raises(InputError, match="learned context 1 of 'shop' is retired; this needs one that is staged"):
        await store.make_live("shop", 1)
    with pytest.raises(InputError, match="learned context 3 of 'shop' is staged; this needs one that is retired"):
        await store.rollback("shop", 3)
    with pytest.raises(NotFound, match="no learned context 9"):
        await store.rollback("shop", 9)
    assert await states(store) == [Status.RETIRED, Status.LIVE, Status.STAGED]


async def test_a_changed_part_takes_only_its_notes_out_of_service(store: Store) -> None:
    await store.add_context(SHOP)
    await store.make_live("shop", await store.stage(LEARNED))
    await store.add_context(context(apples="24 apples a box", boxes="4 boxes"))
    live = await store.live("shop")
    assert live is not None
    assert [each.text for each in live.notes] == ["A box has 24 apples."]
    assert live.context_version == SHOP.version
    assert (await store.serving("shop")).learned == live
    assert await store.learned("shop", 1) == LEARNED


async def test_nothing_is_served_when_no_note_holds_and_all_again_when_the_part_returns(store: Store) -> None:
    await store.add_context(SHOP)
    await store.make_live("shop", await store.stage(LEARNED))
    await store.add_context(context(apples="25 apples a box", boxes="3 boxes"))
    assert await store.live("shop") is None
    assert (await store.serving("shop")).number is None
    await store.add_context(SHOP)
    assert await store.live("shop") == LEARNED


async def test_a_renamed_or_moved_part_keeps_its_notes_in_service(store: Store) -> None:
    await store.add_context(SHOP)
    await store.make_live("shop", await store.stage(LEARNED))
    await store.add_context(context(more="new", count="3 boxes", fruit="24 apples a box"))
    assert await store.live("shop") == LEARNED


async def test_a_note_that_names_no_part_holds_for_its_own_version_only(store: Store) -> None:
    await store.add_context(SHOP)
    await store.make_live("shop", await store.stage(learned(SHOP, note("general"))))
    assert await store.live("shop") is not None
    await store.add_context(context(apples="24 apples a box", boxes="3 boxes", more="text"))
    assert await store.live("shop") is None


async def test_an_empty_learned_context_never_replaces_a_good_one(store: Store) -> None:
    await store.add_context(SHOP)
    await store.make_live("shop", await store.stage(LEARNED))
    with pytest.raises(EmptyInput, match="without notes is never kept"):
        await store.stage(replace(LEARNED, notes=()))
    assert await store.live("shop") == LEARNED


async def test_notes_of_a_version_that_was_replaced_meanwhile_are_kept(store: Store) -> None:
    await store.add_context(SHOP)
    await store.add_context(context(apples="24 apples a box"))
    await store.make_live("shop", await store.stage(LEARNED))
    live = await store.live("shop")
    assert live is not None
    assert len(live.notes) == 1


async def test_notes_of_a_version_that_never_was_are_refused(store: Store) -> None:
    await store.add_context(SHOP)
    with pytest.raises(NotFound, match="never had version 0000"):
        await store.stage(replace(LEARNED, context_version="0000"))
    with pytest.raises(NotFound, match="no context named 'elsewhere'"):
        await store.stage(replace(LEARNED, context="elsewhere"))


async def test_a_models_note_is_kept_whatever_characters_it_put_in(store: Store) -> None:
    await store.add_context(SHOP)
    odd = LearnedContext("shop", SHOP.version, (Note(NoteKind.TEXT, "a\0b\ud800c", "\0", "\0", "\0"),), "rethink", "m")
    await store.make_live("shop", await store.stage(odd))
    live = await store.live("shop")
    assert live is not None
    assert live.notes[0] == Note(NoteKind.TEXT, "a\ufffdb\ufffdc", "\ufffd", "\ufffd", "\ufffd")
    assert (await store.learned_versions("shop"))[0].digest == live.digest


async def test_readers_find_exactly_one_live_while_it_is_replaced(store: Store) -> None:
    await store.add_context(SHOP)
    await store.make_live("shop", await store.stage(LEARNED))
    others = [await store.stage(LEARNED) for _ in range(10)]

    async def replace_all() -> None:
        for number in others:
            await store.make_live("shop", number)

    replacing = asyncio.create_task(replace_all())
    while not replacing.done():
        assert (await store.serving("shop")).number is not None
    await replacing
