"""No stale note is ever served: random edits, sleeps, queries and kills on real databases.

A smaller count than ``.venv/bin/python -m bench stale``, which plays 10,000 edits.
"""

from __future__ import annotations

from sleeptime.core.context import Context, Part
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.store.entry import Serving
from sleeptime.store.store import Store
from tests.support.staleness import Seen, play, play_until_killed


async def test_no_stale_note_is_served_whatever_is_edited_and_slept_on(database_url: str) -> None:
    seen = await play(database_url, 1, 0, 40)
    assert seen.stale == []
    for happened in ("sleep wrote", "query notes", "notes carried over", "change", "append"):
        assert seen.counts[happened], f"nothing was proved: no {happened}"


async def test_a_killed_writer_leaves_no_stale_note_and_loses_no_accepted_edit(database_url: str) -> None:
    seen = Seen()
    async with await Store.open(database_url) as store:
        for turn in range(2):
            await play_until_killed(database_url, store, seen, seed=turn, first_word=turn * 1_000_000, edits=6)
    after = await play(database_url, 9, 9_000_000, 10)
    assert seen.stale == after.stale == []
    assert seen.counts["edits"] >= 12
    assert seen.counts["notes served"], "nothing was proved"


def test_a_stale_note_would_be_seen() -> None:
    context = Context("edited", (Part("p", "w2 holds 1 and 2."),))
    stale = Note(NoteKind.FACT, "w1 holds 1 and 2.", depends_on=(context.parts[0].sha256,))
    seen = Seen()
    seen.look(Serving(context, LearnedContext("edited", context.version, (stale,), "notes", "m"), 1))
    assert seen.stale == ["w1 holds 1 and 2."]
