"""`swe sleep` and `swe ask` without a model: notes through the door of every sleep, ranked files, and clear errors."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from pathlib import Path

import pytest

from sleeptime.app import Sleeptime
from sleeptime.core.errors import InputError, NotFound, Unreadable
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.store.store import Store
from sleeptime.swe import context, indexing
from sleeptime.swe.file_notes import DERIVATION, STRATEGY
from tests.support.commands import Cli
from tests.support.repositories import Files, History

FILES = {
    "cli/export.py": "def export_orders():\n    pass\n",
    "core/csv.py": "def write_csv():\n    pass\n",
    "pay/card.py": "def charge_card():\n    pass\n",
}


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = History(tmp_path / "shop", is_bare=True)
    made.commit("begin", dict(FILES.items()))
    for number in range(3):
        made.commit("write a table", {path: f"{FILES[path]}# {number}\n" for path in ("cli/export.py", "core/csv.py")})
    return made


async def _added(url: str, history: History) -> None:
    async with Sleeptime(database=url) as sleeptime:
        await sleeptime.add("shop", str(history.path))


async def _in_service(url: str) -> set[str]:
    async with Sleeptime(database=url) as sleeptime:
        shown = await sleeptime.notes("shop")
    assert shown.learned is not None
    return {note.subject for note in shown.learned.notes if note.id in shown.in_service}


async def test_every_file_has_a_note_and_a_commit_takes_those_of_its_files_out_of_service(
    tmp_path: Path, history: History
) -> None:
    url, caches = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "caches"
    await _added(url, history)
    async with await Store.open(url) as store:
        first = await indexing.sleep(store, "shop", folder=caches)
        assert (first.outcome, first.version, first.files, first.carried) == (Outcome.WROTE, 1, 3, 0)
        notes = {note.subject.rpartition("shop.git/")[2]: note for note in first.notes}
        told = next(note.text for name, note in notes.items() if name.endswith("cli/export.py"))
        assert "defines export_orders" in told
        assert '"write a table"' in told
        assert "core/csv.py (4 times)" in told
        everything = await _in_service(url)
        assert len(everything) == 3
        again = await indexing.sleep(store, "shop", folder=caches)
        assert (again.outcome, again.version, again.notes) == (Outcome.NOTHING_NEW, None, ())
        history.commit("charge twice", {"pay/card.py": "def charge_twice():\n    pass\n"})
        await _added(url, history)
        assert {name.rpartition("/")[2] for name in everything - await _in_service(url)} == {"card.py"}
        last = await indexing.sleep(store, "shop", folder=caches)
    assert (last.outcome, last.version, len(last.notes), last.carried) == (Outcome.WROTE, 2, 3, 2)
    assert len(await _in_service(url)) == 3


async def test_notes_of_a_model_that_hold_stay_and_what_it_has_not_read_is_left_for_it(
    tmp_path: Path, history: History
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    await _added(url, history)
    async with await Store.open(url) as store:
        before = await store.context("shop")
        digests = {part.name.rpartition("/")[2]: part.sha256 for part in before.parts}
        learned = tuple(Note(NoteKind.FACT, f"About {name}.", depends_on=(digests[name],)) for name in digests)
        await store.commit_sleep(LearnedContext("shop", before.version, learned, "notes", "gpt"))
        history.commit("charge twice", {"pay/card.py": "def charge_twice():\n    pass\n"})
        await _added(url, history)
        slept = await indexing.sleep(store, "shop", folder=tmp_path / "caches")
        live = (await store.serving("shop")).learned
        now = {part.name.rpartition("/")[2]: part.sha256 for part in (await store.context("shop")).parts}
    assert live is not None
    assert (live.strategy, live.model, live.unread) == ("notes", "gpt", (now["card.py"],))
    kept = [note.text for note in live.notes if note.derivation != DERIVATION]
    assert kept == ["About export.py.", "About csv.py."]
    assert (len(slept.notes), slept.carried) == (5, 2)


async def test_a_refused_sleep_leaves_what_was_live_and_says_that_it_failed(tmp_path: Path, history: History) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    await _added(url, history)
    async with await Store.open(url) as store:
        slept = await indexing.sleep(store, "shop", folder=tmp_path / "c", check=lambda *_: "it is too long")
        assert (slept.outcome, slept.notes) == (Outcome.FAILED, ())
        assert "it is too long" in slept.reason
        assert (await store.serving("shop")).learned is None


async def test_an_answer_is_of_the_commit_that_was_added_and_keeps_to_the_replays_of_the_last_sleep(
    tmp_path: Path, history: History
) -> None:
    url, caches = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "caches"
    await _added(url, history)
    added = history.head
    history.commit("later", {"zebra.py": "zebra = 1\n"})
    async with await Store.open(url) as store:
        await indexing.sleep(store, "shop", replays=0, folder=caches)
        answered = await context.ask(store, "shop", "zebra table", folder=caches)
        with pytest.raises(InputError, match="blank"):
            await context.ask(store, "shop", " ", folder=caches)
    assert answered.commit_id == added
    assert {found.path for found in answered.files} == set(FILES)


async def test_what_is_added_while_a_sleep_reads_is_no_part_of_it(tmp_path: Path, history: History) -> None:
    url, caches = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "caches"
    await _added(url, history)
    began_at, added = history.head, threading.Event()

    def add(*_: object) -> None:
        """Add a commit of another process's, as soon as the sleep reads."""
        if not added.is_set():
            added.set()
            history.commit("charge twice", {"pay/card.py": "def charge_twice():\n    pass\n", "pay/new.py": "n = 1\n"})
            thread = threading.Thread(target=lambda: asyncio.run(_added(url, history)))
            thread.start()
            thread.join()

    async with await Store.open(url) as store:
        before = await store.context("shop")
        slept = await indexing.sleep(store, "shop", folder=caches, progress=add)
        assert added.is_set()
        assert (await store.context("shop")).version != before.version
        assert (slept.commit_id, slept.context_version, slept.files) == (began_at, before.version, 3)
        assert {note.depends_on[0] for note in slept.notes} == {part.sha256 for part in before.parts}
        assert not any("charge_twice" in note.text or "charge twice" in note.text for note in slept.notes)
        assert {name.rpartition("/")[2] for name in await _in_service(url)} == {"export.py", "csv.py"}
        again = await indexing.sleep(store, "shop", folder=caches)
        assert (again.commit_id, again.files, again.carried) == (history.head, 4, 2)


async def test_notes_that_were_learned_while_a_sleep_reads_stay(tmp_path: Path, history: History) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    await _added(url, history)
    learned = threading.Event()

    async def commit() -> None:
        async with await Store.open(url) as store:
            now = await store.context("shop")
            note = Note(NoteKind.FACT, "Cards are charged.", depends_on=(now.parts[0].sha256,))
            await store.commit_sleep(LearnedContext("shop", now.version, (note,), "notes", "gpt"))

    def learn(*_: object) -> None:
        if not learned.is_set():
            learned.set()
            thread = threading.Thread(target=lambda: asyncio.run(commit()))
            thread.start()
            thread.join()

    async with await Store.open(url) as store:
        slept = await indexing.sleep(store, "shop", folder=tmp_path / "caches", progress=learn)
    assert "Cards are charged." in {note.text for note in slept.notes}
    assert len(slept.notes) == 4


async def test_what_is_expected_is_among_what_is_found_and_of_unknown_words_nothing_is(
    tmp_path: Path, history: History
) -> None:
    url, caches = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "caches"
    await _added(url, history)
    async with await Store.open(url) as store:
        known = await context.ask(store, "shop", "write orders as csv", folder=caches)
        assert known.predicted
        assert set(known.predicted) <= {found.path for found in known.files}
        first = await context.ask(store, "shop", "write orders as csv", limit=1, folder=caches)
        assert (first.files, first.predicted) == (known.files[:1], known.predicted)
        unknown = await context.ask(store, "shop", "xylophone zzz", folder=caches)
        assert (unknown.files, unknown.predicted) == ((), ())


async def test_a_context_without_a_repository_or_with_one_that_is_gone_or_rewritten_says_what_to_do(
    tmp_path: Path, history: History
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.py").write_text("x = 1\n")
    await _added(url, history)
    async with Sleeptime(database=url) as sleeptime:
        await sleeptime.add("plain", str(tmp_path / "plain"))
    async with await Store.open(url) as store:
        with pytest.raises(NotFound, match="sleeptime add plain"):
            await indexing.sleep(store, "plain")
        with pytest.raises(NotFound):
            await context.ask(store, "nobody", "x")
        assert history.head is not None
        history.remove_object(history.head)
        with pytest.raises(InputError, match=r"rewritten.*sleeptime add shop"):
            await context.ask(store, "shop", "x", folder=tmp_path / "caches")
        shutil.rmtree(history.path)
        with pytest.raises(Unreadable, match=r"cannot be read at .* any more: .*\. `sleeptime add shop"):
            await context.ask(store, "shop", "x", folder=tmp_path / "caches")


def test_the_commands_print_one_object_each(
    tmp_path: Path, history: History, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    cli("add", "shop", str(history.path))
    slept = json.loads(cli("swe", "sleep", "shop", "--replays", "10", "--json").out)
    assert (slept["outcome"], slept["files"], slept["notes"], slept["status"]) == ("wrote", 3, 3, "live")
    asked = json.loads(cli("swe", "ask", "shop", "write orders as csv", "--limit", "2", "--json").out)
    assert [found["path"] for found in asked["files"]] == ["core/csv.py", "cli/export.py"]
    assert asked["latency_ms"] > 0
    nothing = cli("swe", "ask", "shop", "xylophone", "--json").json
    assert (nothing["files"], nothing["predicted"]) == ([], [])
    assert "none is expected to be touched" in cli("swe", "ask", "shop", "xylophone").err
    table = cli("swe", "ask", "shop", "write orders as csv").out
    assert "core/csv.py" in table
    assert "beyond --limit" in cli("swe", "ask", "shop", "write orders as csv", "--limit", "1").err
    assert "content:" in table
    assert json.loads(cli("notes", "shop", "--json").out)["strategy"] == STRATEGY


ODD: Files = {b"caf\xe9.py": "def brew():\n    pass\n", "a\nb.py": "def split():\n    pass\n"}


def test_a_name_that_does_not_print_is_shown_on_one_line_and_its_note_tells_its_past(cli: Cli, tmp_path: Path) -> None:
    made = History(tmp_path / "odd", is_bare=True)
    made.commit("begin", ODD)
    for number in range(2):
        made.commit("brew \x1b[31mred", {path: f"{text!r}# {number}\n" for path, text in ODD.items()})
    assert cli("add", "odd", str(made.path)).code == 0
    slept = cli("swe", "sleep", "odd")
    assert (slept.code, "2 files indexed" in slept.out, "no past change was replayed" in slept.out) == (0, True, True)
    notes = {note["subject"]: note["text"] for note in cli("notes", "odd", "--json").json["notes"]}
    told = next(text for subject, text in notes.items() if subject.endswith(r"caf\xe9.py"))
    assert r'changed in 3 commits, lately: "brew \x1b[31mred"' in told
    assert r"changes together with a\nb.py (3 times)" in told
    shown = cli("swe", "ask", "odd", "brew split").out
    assert r"a\nb.py" in shown
    assert r"caf\xe9.py" in shown
    assert not any(line.split()[:1] == ["b.py"] for line in shown.splitlines())
    found = cli("swe", "ask", "odd", "brew split", "--json").json
    assert {file["path"] for file in found["files"]} == {r"a\nb.py", r"caf\xe9.py"}
    done = cli("swe", "ask", "odd", "\udcff", "--json")
    assert (done.code, done.out) == (2, "")
    assert "lone surrogate" in done.err
