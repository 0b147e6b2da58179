"""sleep.incremental: what is read when a context has changed, and which notes are carried over as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import CapReached, RateLimited
from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict
from sleeptime.core.outcome import Outcome
from sleeptime.models.scripted import AnyReply, ScriptedModel, ToolCall
from sleeptime.sleep.incremental import Agenda, changed_parts
from sleeptime.sleep.outcome import SleepResult
from sleeptime.sleep.settings import Combine, SleepSettings, Strategy
from sleeptime.sleep.sleep import sleep_on
from tests.support.sleepers import note_taker, shown_parts

SETTINGS = SleepSettings(neighbours=1)
RETHINK = SleepSettings(Strategy.RETHINK, neighbours=1)


def context(*texts: str) -> Context:
    """Parts named by their first letter."""
    return Context("shop", tuple(Part(text[0], text) for text in texts))


def numbered(count: int, **changed: str) -> Context:
    """Parts p0, p1, ... with a text of their own, or that which is given."""
    return Context("long", tuple(Part(f"p{i}", changed.get(f"p{i}", f"text {i}")) for i in range(count)))


def agenda_of(now: Context, live: LearnedContext | None, before: Context, settings: SleepSettings = SETTINGS) -> Agenda:
    read = [part.sha256 for part in before.parts]
    return changed_parts(now, settings, live, read, model_name="note taker")


async def slept(
    now: Context, live: LearnedContext | None = None, before: Context | None = None, **given: object
) -> SleepResult:
    settings = given.get("settings", SETTINGS)
    assert isinstance(settings, SleepSettings)
    model = given.get("model", note_taker())
    agenda = agenda_of(now, live, before or now, settings)
    return await sleep_on(model, now, settings, agenda=agenda, live=live)  # type: ignore[arg-type]  # given as objects


async def written(now: Context, settings: SleepSettings = SETTINGS, *, pairs: bool = False) -> LearnedContext:
    learned = (await sleep_on(note_taker(pairs=pairs), now, settings)).learned
    assert learned is not None
    return learned


def shown(agenda: Agenda) -> list[list[str]]:
    return [[part.name for part in piece.parts] for piece in agenda.pieces]


def studied(agenda: Agenda) -> list[list[str]]:
    return [[part.name for part in piece.parts if part.sha256 in piece.studied] for piece in agenda.pieces]


def texts(notes: Sequence[Note]) -> list[str]:
    return [note.text for note in notes]


async def test_a_changed_part_is_read_with_its_neighbours_and_the_other_notes_are_carried_over() -> None:
    before = numbered(9)
    live = await written(before)
    now = numbered(9, p4="new text")
    agenda = agenda_of(now, live, before)
    assert (shown(agenda), studied(agenda)) == ([["p3", "p4", "p5"]], [["p4"]])
    result = await slept(now, live, before)
    assert result.learned is not None
    carried = [note for note in live.notes if "text 4" not in note.text]
    assert result.learned.notes[:8] == tuple(carried)
    assert texts(result.learned.notes[8:]) == ["p4 says: new text"], "and nothing on the neighbours is said twice"
    assert {note.made_from for note in result.learned.notes[:8]} == {before.version}
    assert (result.learned.context_version, result.studied, result.carried) == (now.version, 1, 8)


async def test_carried_notes_keep_the_version_they_were_made_from_from_sleep_to_sleep() -> None:
    first = numbered(5)
    second, third = numbered(5, p1="x"), numbered(5, p1="x", p3="y")
    live = (await slept(second, await written(first), first)).learned
    result = await slept(third, live, second)
    assert result.learned is not None
    made = {note.text: note.made_from for note in result.learned.notes}
    assert made["p0 says: text 0"] == first.version
    assert made["p1 says: x"] == second.version
    assert made["p3 says: y"] == ""


async def test_an_appended_part_is_read_with_those_before_it() -> None:
    before, now = numbered(5), numbered(6)
    agenda = agenda_of(now, await written(before), before)
    assert (shown(agenda), studied(agenda)) == ([["p4", "p5"]], [["p5"]])
    assert len(agenda.carried) == 5


@pytest.mark.parametrize(
    "now",
    [
        numbered(4),
        Context("other name", numbered(4).parts),
        Context("long", numbered(4).parts[::-1]),
        Context("long", tuple(Part(f"new {part.name}", part.text) for part in numbered(4).parts)),
        Context("long", numbered(4).parts[:3]),
        Context("long", (*numbered(4).parts, Part("blank", " \n"), Part("again", "text 1"))),
    ],
)
async def test_without_new_text_no_call_is_made_and_the_notes_in_service_stay(now: Context) -> None:
    before = numbered(4)
    live = await written(before)
    model = note_taker()
    result = await slept(now, live, before, model=model)
    assert (result.outcome, result.learned, model.requests) == (Outcome.SKIPPED, None, [])
    is_same = now.version == before.version
    expected = "nothing has changed since" if is_same else "there is no new text since"
    assert result.reason.startswith(expected)


async def test_when_most_parts_are_new_all_are_read_and_nothing_is_carried() -> None:
    before = numbered(5)
    now = numbered(5, p0="a", p1="b", p2="c")
    result = await slept(now, await written(before), before)
    assert result.learned is not None
    assert (result.studied, result.carried, len(result.learned.notes)) == (5, 0, 5)
    assert result.reason == "most parts have changed, so all were read"
    half = numbered(4, p0="a", p1="b")
    assert len(agenda_of(half, await written(numbered(4)), numbered(4)).carried) == 2


@pytest.mark.parametrize("change", [{"strategy": "rethink"}, {"model": "another"}])
async def test_notes_of_another_strategy_or_model_are_not_carried_over(change: dict[str, str]) -> None:
    live = replace(await written(numbered(4)), **change)  # type: ignore[arg-type]  # words alone
    agenda = agenda_of(numbered(4), live, numbered(4))
    assert (studied(agenda), agenda.carried) == ([["p0", "p1", "p2", "p3"]], ())
    assert "so all parts were read" in agenda.reason


async def test_what_else_a_lost_note_rested_on_is_read_beside_so_that_it_can_be_made_again() -> None:
    before = numbered(9)
    far = Note(NoteKind.FACT, "p1 and p7", depends_on=(before.parts[1].sha256, before.parts[7].sha256))
    live = await written(before)
    live = replace(live, notes=(*live.notes, far))
    agenda = agenda_of(numbered(9, p7="new"), live, before)
    assert (shown(agenda), studied(agenda)) == ([["p1", "p6", "p7", "p8"]], [["p7"]])


async def test_a_part_that_is_left_without_any_note_is_studied_again() -> None:
    before = numbered(9)
    both = Note(NoteKind.FACT, "p1 and p7", depends_on=(before.parts[1].sha256, before.parts[7].sha256))
    live = await written(before)
    live = replace(live, notes=(*(note for note in live.notes if not note.text.startswith("p1 ")), both))
    assert studied(agenda_of(numbered(9, p7="new"), live, before)) == [["p1", "p7"]]
    removed = Context("long", tuple(part for part in before.parts if part.name != "p7"))
    assert studied(agenda_of(removed, live, before)) == [["p1"]], "also when nothing is new"


async def test_a_note_that_names_no_part_is_not_carried_and_its_parts_are_read_again() -> None:
    before = numbered(4)
    whole = Note(NoteKind.FACT, "there are four parts")
    live = replace(await written(before), notes=(whole,))
    agenda = agenda_of(numbered(4, p0="new"), live, before)
    assert (agenda.carried, studied(agenda)) == ((), [["p0", "p1", "p2", "p3"]])
    assert agenda_of(before, live, before).pieces == (), "at its own version it holds"


async def test_refuted_notes_are_not_carried() -> None:
    before = numbered(4)
    live = await written(before)
    live = replace(live, notes=(replace(live.notes[0], verdict=Verdict.REFUTED), *live.notes[1:]))
    assert texts(agenda_of(numbered(5), live, before).carried) == [f"p{i} says: text {i}" for i in (1, 2, 3)]


async def test_changes_that_lie_apart_are_read_in_one_prompt_while_they_fit() -> None:
    before = numbered(200)
    live = await written(before)
    agenda = agenda_of(numbered(200, p20="new", p150="newer"), live, before)
    assert shown(agenda) == [["p19", "p20", "p21", "p149", "p150", "p151"]]
    small = replace(SETTINGS, piece_parts=1)
    assert shown(agenda_of(numbered(200, p20="new", p150="newer"), live, before, small)) == [
        ["p19", "p20"],
        ["p149", "p150"],
    ]


async def test_new_parts_without_anything_worth_noting_count_as_read() -> None:
    before, now = numbered(4), numbered(5)
    live = await written(before)
    nothing = ScriptedModel([ToolCall("write_notes", {"notes": []})], model_name="note taker")
    result = await slept(now, live, before, model=nothing)
    assert result.learned is not None
    assert (result.outcome, result.learned.notes) == (Outcome.WROTE, live.notes)
    assert result.reason == "nothing new in what was read; the model found nothing worth noting"
    assert agenda_of(now, result.learned, now).pieces == ()


async def test_a_piece_that_fails_is_read_by_the_next_sleep() -> None:
    now = numbered(8)
    settings = replace(SETTINGS, piece_parts=4)
    result = await slept(now, settings=settings, model=note_taker(failures={"p4": RateLimited("429")}))
    assert result.learned is not None
    assert set(result.learned.unread) == {part.sha256 for part in now.parts[4:]}
    assert texts(result.learned.notes) == [f"p{i} says: text {i}" for i in range(4)]
    assert result.reason == "4 parts are left for another sleep; 1 of 2 drafts failed: RateLimited: 429"
    again = await slept(now, result.learned, now, settings=settings)
    assert again.learned is not None
    assert again.learned.notes[:4] == result.learned.notes
    assert (again.learned.unread, again.studied, len(again.learned.notes)) == ((), 4, 8)


async def test_what_could_not_be_read_and_then_holds_nothing_is_not_read_a_third_time() -> None:
    now = numbered(8)
    settings = replace(SETTINGS, piece_parts=4)
    live = (await slept(now, settings=settings, model=note_taker(failures={"p4": RateLimited("429")}))).learned
    nothing = ScriptedModel([ToolCall("write_notes", {"notes": []})], model_name="note taker")
    again = await slept(now, live, now, settings=settings, model=nothing)
    assert again.learned is not None
    assert (again.outcome, again.learned.unread) == (Outcome.WROTE, ())
    assert agenda_of(now, again.learned, now, settings).pieces == ()


@pytest.mark.parametrize(
    ("error", "outcome"), [(RateLimited("429"), Outcome.FAILED), (CapReached("no room"), Outcome.CAPPED)]
)
async def test_a_sleep_says_why_parts_are_left(error: Exception, outcome: Outcome) -> None:
    settings = replace(SETTINGS, piece_parts=4, concurrency=1)
    result = await slept(numbered(8), settings=settings, model=note_taker(failures={"p4": error}))
    assert (result.outcome, result.left) == (Outcome.WROTE, outcome)
    script: list[AnyReply] = [ToolCall("write_notes", {"notes": []}), error]
    nothing = await slept(numbered(8), settings=settings, model=ScriptedModel(script))
    assert (nothing.outcome, nothing.left) == (outcome, None), "not nothing new: it was not all read"
    assert (await slept(numbered(8), settings=settings)).left is None


async def test_when_every_piece_fails_the_sleep_failed() -> None:
    failures = {name: RateLimited("429") for name in ("p0", "p4")}
    result = await slept(numbered(8), settings=replace(SETTINGS, piece_parts=4), model=note_taker(failures=failures))
    assert (result.outcome, result.learned) == (Outcome.FAILED, None)
    assert result.reason == "2 of 2 drafts failed: RateLimited: 429"


async def test_a_full_sleep_keeps_the_notes_on_what_it_could_not_read() -> None:
    before = numbered(8)
    live = await written(before)
    now = numbered(8, **{f"p{i}": f"new {i}" for i in range(5)})
    settings = replace(SETTINGS, piece_parts=4)
    result = await slept(now, live, before, settings=settings, model=note_taker(failures={"p4": RateLimited("429")}))
    assert result.learned is not None
    assert sorted(texts(result.learned.notes)) == [
        *(f"p{i} says: new {i}" for i in range(4)),
        *(f"p{i} says: text {i}" for i in range(5, 8)),
    ]


async def test_a_cap_between_pieces_keeps_what_was_learned_and_the_next_sleep_goes_on() -> None:
    now = numbered(12)
    settings = replace(SETTINGS, piece_parts=4, concurrency=1)
    capped = note_taker(failures={"p4": CapReached("no room")})
    result = await slept(now, settings=settings, model=capped)
    assert result.learned is not None
    assert (len(result.learned.notes), len(capped.requests)) == (4, 2), "the third piece was not begun"
    assert result.reason == "8 parts are left for another sleep; no room"
    again = note_taker()
    assert len((await slept(now, result.learned, now, settings=settings, model=again)).learned.notes) == 12  # type: ignore[union-attr]
    assert len(again.requests) == 2


async def test_a_cap_before_any_piece_is_whole_is_raised() -> None:
    with pytest.raises(CapReached, match="no room"):
        await slept(
            numbered(12),
            settings=replace(SETTINGS, piece_parts=4),
            model=note_taker(failures=dict.fromkeys(("p0", "p4", "p8"), CapReached("no room"))),
        )


async def test_each_draft_of_each_piece_has_a_number_that_is_the_same_again() -> None:
    asked: list[dict[int, list[str]]] = []
    settings = replace(SETTINGS, piece_parts=4, drafts=2)
    for _ in range(2):
        shown_to: dict[int, list[str]] = {}
        models = {unit: note_taker() for unit in range(6)}
        await sleep_on(models.__getitem__, numbered(12), settings)
        for unit, model in models.items():
            (request,) = model.requests
            shown_to[unit] = [name for name, _ in shown_parts(list(request.messages))]
        asked.append(shown_to)
    assert asked[0] == asked[1]
    assert [names[0] for names in asked[0].values()] == ["p0", "p0", "p4", "p4", "p8", "p8"]


async def memories(now: Context, **given: object) -> SleepResult:
    return await slept(now, **{"settings": RETHINK, **given})  # type: ignore[arg-type]  # given as objects


async def test_a_text_that_is_gone_is_rewritten_from_its_old_words_with_all_its_parts() -> None:
    before, now = numbered(3), numbered(3, p1="new")
    live = (await memories(before)).learned
    model = note_taker()
    result = await memories(now, live=live, before=before, model=model)
    assert result.learned is not None
    (note,) = result.learned.notes
    assert (note.text, note.depends_on) == ("text 0 new text 2", tuple(part.sha256 for part in now.parts))
    assert (
        "The memory as it was written before the context changed:\n<notes>\ntext 0 text 1 text 2\n</notes>"
        in model.requests[0].text
    )
    first = await memories(before)
    assert result.prompt_digest != first.prompt_digest


async def test_a_text_that_was_not_written_again_is_not_kept() -> None:
    before, now = numbered(3), numbered(3, p1="new")
    live = (await memories(before)).learned
    silent = ScriptedModel([ToolCall("finish_rethinking_memory")], model_name="note taker")
    result = await memories(now, live=live, before=before, model=silent)
    assert (result.outcome, result.learned) == (Outcome.NOTHING_NEW, None)


async def test_an_appended_part_joins_the_text_before_it_and_one_that_is_too_large_becomes_two() -> None:
    settings = replace(RETHINK, piece_parts=3)
    now, live = numbered(2), (await memories(numbered(2), settings=settings)).learned
    seen = []
    for count in range(3, 9):
        before, now = now, numbered(count)
        live = (await memories(now, settings=settings, live=live, before=before)).learned
        assert live is not None
        seen.append(texts(live.notes))
    assert seen[0] == ["text 0 text 1 text 2"]
    assert seen[1] == ["text 0 text 1", "text 2 text 3"]
    assert seen[-1] == ["text 0 text 1", "text 2 text 3", "text 4 text 5", "text 6 text 7"]


async def test_a_text_that_is_cut_in_two_is_begun_anew_for_it_says_things_of_both_halves() -> None:
    settings = replace(RETHINK, piece_parts=3)
    live = (await memories(numbered(3), settings=settings)).learned
    agenda = agenda_of(numbered(4), live, numbered(3), settings)
    assert [piece.memories for piece in agenda.pieces] == [(), ()]
    assert agenda_of(numbered(3, p1="new"), live, numbered(3), settings).pieces[0].memories == ("text 0 text 1 text 2",)


async def test_texts_of_other_pieces_are_carried_over() -> None:
    settings = replace(RETHINK, piece_parts=3)
    before, now = numbered(9), numbered(9, p4="new")
    live = (await memories(before, settings=settings)).learned
    model = note_taker()
    result = await memories(now, settings=settings, live=live, before=before, model=model)
    assert live is not None
    assert result.learned is not None
    assert result.learned.notes[:2] == (live.notes[0], live.notes[2])
    assert texts(result.learned.notes[2:]) == ["text 3 new text 5"]
    assert len(model.requests) == 1


async def test_a_rewriting_that_failed_leaves_a_text_that_holds_in_service() -> None:
    before, now = numbered(2), numbered(3)
    live = (await memories(before)).learned
    assert live is not None
    result = await memories(now, live=live, before=before, model=note_taker(failures={"p2": RateLimited("429")}))
    assert result.outcome is Outcome.FAILED
    agenda = agenda_of(now, live, before, RETHINK)
    assert agenda.spare == live.notes


async def test_each_draft_rewrites_a_text_of_its_own() -> None:
    settings = replace(RETHINK, drafts=2, combine=Combine.CONCAT)
    before, now = numbered(3), numbered(3, p1="new")
    replies = [
        [ToolCall("rethink_memory", {"new_memory": f"memory {i}"}), ToolCall("finish_rethinking_memory")]
        for i in (1, 2)
    ]
    live = (await memories(before, settings=settings, model=ScriptedModel(replies, model_name="note taker"))).learned
    assert live is not None
    assert texts(live.notes) == ["memory 1", "memory 2"]
    model = note_taker()
    await memories(now, settings=settings, live=live, before=before, model=model)
    assert [sum(f"memory {i}" in request.text for request in model.requests) for i in (1, 2)] == [1, 1]


WORDS = st.sampled_from([f"word{i}" for i in range(12)])
CONTEXTS = st.lists(WORDS, min_size=1, max_size=8).map(
    lambda words: Context("c", tuple(Part(f"p{i}", word) for i, word in enumerate(words)))
)


@pytest.mark.parametrize("settings", [replace(SETTINGS, piece_parts=3), replace(RETHINK, piece_parts=3)])
@given(versions=st.lists(CONTEXTS, min_size=2, max_size=6), pairs=st.booleans())
@hypothesis_settings(max_examples=60, deadline=None)
def test_after_any_changes_every_note_holds_every_text_is_noted_and_carried_notes_are_as_they_were(
    settings: SleepSettings, versions: list[Context], pairs: bool
) -> None:
    async def play() -> None:
        live: LearnedContext | None = None
        before = versions[0]
        for now in versions:
            result = await slept(now, live, before, settings=settings, model=note_taker(pairs=pairs))
            words = {part.text for part in now.parts}
            if result.learned is None:
                assert result.outcome is Outcome.SKIPPED
                assert live is not None
                holding = [
                    note
                    for note in live.notes
                    if note.holds({part.sha256 for part in now.parts}, is_same_version=False)
                ]
            else:
                holding = list(result.learned.notes)
                old = {note.id: note for note in live.notes} if live is not None else {}
                carried = [note for note in holding if note.made_from]
                assert all((old[note.id].votes, old[note.id].verdict) == (note.votes, note.verdict) for note in carried)
                live, before = result.learned, now
            said = " ".join(texts(holding)).split()
            assert {word for word in said if word.startswith("word")} == words

    asyncio.run(play())
