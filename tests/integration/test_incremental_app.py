"""A context that changes and a conversation that grows, through the library, on both databases."""

from __future__ import annotations

import pytest

from sleeptime import Part, Sleeptime
from sleeptime.core.call import Phase
from sleeptime.core.errors import InputError, TooLarge
from sleeptime.core.outcome import Outcome
from sleeptime.settings import Settings
from tests.support.sleepers import note_taker, shown_parts

PARTS = tuple(Part(f"p{i}", f"text {i}") for i in range(8))


def changed(**texts: str) -> tuple[Part, ...]:
    return tuple(Part(part.name, texts.get(part.name, part.text)) for part in PARTS)


async def test_a_change_takes_its_notes_out_of_service_and_the_next_sleep_reads_it_alone(database_url: str) -> None:
    model = note_taker()
    async with Sleeptime(model, database_url) as sleeptime:
        await sleeptime.add("shop", *PARTS)
        first = await sleeptime.sleep("shop")
        await sleeptime.add("shop", *changed(p3="new"))
        model.requests.clear()
        await sleeptime.ask("shop", "What does p3 say?", route="notes")
        assert "p2 says: text 2" in model.requests[0].text
        assert "p3 says" not in model.requests[0].text
        second = await sleeptime.sleep("shop", neighbours=1)
        assert [name for name, _ in shown_parts(list(model.requests[1].messages))] == ["p2", "p3", "p4"]
        assert (second.outcome, second.studied, second.carried, second.version) == (Outcome.WROTE, 1, 7, 2)
        assert second.notes[:7] == tuple(note for note in first.notes if "text 3" not in note.text)
        assert second.notes[7].text == "p3 says: new"
        kept = (await sleeptime.notes("shop")).learned
        assert kept is not None
        assert [note.made_from for note in kept.notes] == [first.context_version] * 7 + [""]


async def test_sleeping_again_without_a_change_makes_no_call_unless_asked_to(database_url: str) -> None:
    model = note_taker()
    async with Sleeptime(model, database_url) as sleeptime:
        await sleeptime.add("shop", *PARTS)
        await sleeptime.sleep("shop")
        again = await sleeptime.sleep("shop")
        assert (again.outcome, again.version, len(model.requests)) == (Outcome.SKIPPED, None, 1)
        assert again.reason == "nothing has changed since the notes in service were made"
        assert (await sleeptime.plan("shop")).max_calls == 0
        assert (await sleeptime.plan("shop", incremental=False)).max_calls == 3
        full = await sleeptime.sleep("shop", incremental=False)
        assert (full.outcome, len(model.requests)) == (Outcome.NOTHING_NEW, 2)
        assert (await sleeptime.notes("shop")).learned is not None


async def test_after_a_rollback_a_sleep_reads_what_changed_since_that_version(database_url: str) -> None:
    model = note_taker()
    async with Sleeptime(model, database_url) as sleeptime:
        for parts in (PARTS, changed(p1="new 1"), changed(p1="new 1", p6="new 6")):
            await sleeptime.add("shop", *parts)
            await sleeptime.sleep("shop")
        await sleeptime.rollback("shop", 1)
        plan = await sleeptime.plan("shop")
        assert (plan.studied, plan.carried, plan.pieces) == (2, 6, 1)
        slept = await sleeptime.sleep("shop")
        assert sorted(note.text for note in slept.notes if "new" in note.text) == ["p1 says: new 1", "p6 says: new 6"]


async def test_a_large_context_is_read_in_pieces(database_url: str) -> None:
    model = note_taker()
    async with Sleeptime(model, database_url) as sleeptime:
        await sleeptime.add("shop", *PARTS)
        assert (await sleeptime.plan("shop", piece_parts=3)).pieces == 3
        slept = await sleeptime.sleep("shop", piece_parts=3, drafts=2)
        assert (len(model.requests), len(slept.notes)) == (6, 8)
        assert {note.votes for note in slept.notes} == {2}


async def test_a_conversation_is_slept_on_message_by_message(database_url: str) -> None:
    model = note_taker()
    async with Sleeptime(model, database_url) as sleeptime:
        for number in range(1, 9):
            added = await sleeptime.append("chat", f"text {number}")
            assert (added.appended, added.parts) == ((f"message {number}",), number)
            slept = await sleeptime.sleep("chat")
            assert (slept.outcome, slept.studied, slept.carried) == (Outcome.WROTE, 1, number - 1)
        assert [note.text for note in slept.notes] == [f"message {n} says: text {n}" for n in range(1, 9)]
        assert max(len(shown_parts(list(request.messages))) for request in model.requests) == 3
        assert (await sleeptime.ledger("chat")).totals[Phase.SLEEP].calls == 8


async def test_appending_obeys_the_limits_and_names_stay_distinct(database_url: str) -> None:
    settings = Settings(database_url=database_url, max_parts=2)
    async with Sleeptime(note_taker(), settings=settings) as sleeptime:
        await sleeptime.append("chat", Part("m", "one"))
        assert not (await sleeptime.append("chat", Part("m", "one"))).is_new
        with pytest.raises(InputError, match="another text"):
            await sleeptime.append("chat", Part("m", "two"))
        with pytest.raises(TooLarge, match="3 parts"):
            await sleeptime.append("chat", "two", "three")
        with pytest.raises(InputError, match="at least one"):
            await sleeptime.append("chat")
