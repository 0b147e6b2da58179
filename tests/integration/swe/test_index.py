"""The index of a repository: what it finds and why, that it knows nothing later, and that a cache changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.swe.blobs import Blob
from sleeptime.swe.cache import Cache
from sleeptime.swe.generated import generate
from sleeptime.swe.index import Index
from sleeptime.swe.objects import Objects
from sleeptime.swe.repository import Repository
from tests.support.repositories import Content, History, Link, Submodule, run_git

QUERIES = ("add a json flag to the export command", "orders: support soft delete", "record who changed a customer")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("swe") / "shop", "shop", seed=3, commits=120).path


def _shop(path: Path) -> History:
    history = History(path, is_bare=True)
    history.commit(
        "begin",
        {
            "cli/export.py": "def export_orders():\n    pass\n",
            "cli/list.py": "def list_orders():\n    pass\n",
            "core/csv.py": "def write_csv():\n    pass\n",
            "docs/export.md": "How to export.\n",
            "pay/card.py": "def charge_card():\n    pass\n",
        },
    )
    for number in range(4):
        export, csv = f"def export_orders():\n    return {number}\n", f"def write_csv(): {number}\n"
        history.commit("let rows be written as a table", {"cli/export.py": export, "core/csv.py": csv})
    return history


def test_files_are_found_by_words_names_paths_and_by_what_changed_with_them(tmp_path: Path) -> None:
    _shop(tmp_path / "repo")
    index = Index.build(Repository.open(tmp_path / "repo"))
    found = {file.path: file for file in index.search("add a --json flag to the export of orders")}
    assert next(iter(found)) == "cli/export.py"
    reasons = found["cli/export.py"].reasons
    assert any(reason.startswith("content: ") and "export" in reason for reason in reasons)
    assert any("changed with cli/export.py in 5 commits" in reason for reason in found["core/csv.py"].reasons)
    assert "pay/card.py" not in index.predict("add a --json flag to the export of orders")
    assert any('"let rows be written as a table"' in r for f in index.search("rows as a table") for r in f.reasons)


def test_what_a_change_did_for_one_thing_tells_what_it_takes_for_another(tmp_path: Path) -> None:
    history = History(tmp_path / "repo", is_bare=True)
    things, layers = ("order", "parcel", "invoice"), ("core/{}.py", "store/{}_rows.py", "api/{}s.py", "pages/{}.py")
    history.commit("begin", {layer.format(thing): f"{thing} = 0\n" for thing in things for layer in layers})
    history.commit("let an order be undone", {"core/order.py": "order = 1\n", "store/order_rows.py": "order = 1\n"})
    history.commit("quicker pages of a parcel", {"pages/parcel.py": "parcel = 1\n", "api/parcels.py": "parcel = 1\n"})
    index = Index.build(Repository.open(tmp_path / "repo"))
    assert set(index.signal("analogous", "let an invoice be undone")[:2]) == {
        "core/invoice.py",
        "store/invoice_rows.py",
    }
    found = index.search("let an invoice be undone")
    assert {file.path for file in found[:2]} == {"core/invoice.py", "store/invoice_rows.py"}
    [reason] = [reason for file in found[:1] for reason in file.reasons if reason.startswith("like ")]
    assert "order" in reason
    assert '"let an order be undone"' in reason


def test_nothing_of_a_later_commit_is_known(tmp_path: Path) -> None:
    history = _shop(tmp_path / "repo")
    base = history.head
    assert base is not None
    before = Index.build(Repository.open(tmp_path / "repo", base)).search("zebra export", 50)
    history.commit("zebra", {"cli/zebra.py": "def zebra(): pass\n", "pay/card.py": "zebra = 1\n"})
    repository = Repository.open(tmp_path / "repo")
    assert Index.build(repository).search("zebra")[0].path == "cli/zebra.py"
    with Cache(tmp_path / "c.sqlite") as cache:
        Index.build(repository, cache=cache)
        index = Index.build(repository.at(base), cache=cache)
    assert index.search("zebra") == ()
    assert index.search("zebra export", 50) == before


def test_an_index_of_a_cache_is_the_same_as_one_of_nothing(generated: Path, tmp_path: Path) -> None:
    repository = Repository.open(generated)
    ids = [commit.id for commit in repository.commits()]
    cold = Index.build(repository, replays=10)
    assert cold.num_replayed == 10
    with Cache(tmp_path / "c.sqlite") as cache:
        for commit_id in (ids[30], ids[5], ids[1], ids[0]):
            warm = Index.build(Repository.open(generated, commit_id), cache=cache, replays=10)
        again = Index.build(repository, cache=cache, replays=10)
    for query in QUERIES:
        assert cold.search(query, 1000) == warm.search(query, 1000) == again.search(query, 1000)
        assert cold.predict(query) == warm.predict(query)


def test_a_cache_changes_nothing_in_a_shallow_clone_however_deep_it_is(generated: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    run_git("clone", "-q", "--bare", "--depth", "50", f"file://{generated}", "clone", cwd=tmp_path)
    ids = [commit.id for commit in Repository.open(clone).commits(10)]
    for deeper in ((), ("--deepen", "30"), ("--unshallow",)):
        if deeper:
            run_git("fetch", "-q", *deeper, cwd=clone)
        for commit_id in (ids[9], ids[0], ids[4]):
            with Cache(tmp_path / "c.sqlite") as cache:
                warm = Index.build(Repository.open(clone, commit_id), cache=cache, replays=5)
            cold = Index.build(Repository.open(clone, commit_id), replays=5)
            assert cold.num_replayed == 5
            assert warm.search(QUERIES[0], 1000) == cold.search(QUERIES[0], 1000)


def test_what_was_there_first_is_read_without_walking_through_the_past(
    path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.commit("begin")
    history.commit("export", {"export.py": "export = 1\n"})
    monkeypatch.delattr(Repository, "_is_past")
    assert [found.path for found in Index.build(Repository.open(path)).search("export")] == ["export.py"]


def test_a_repository_that_began_too_large_is_read_as_it_is_now(
    path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    for most in ("MAX_FILES", "MAX_CHANGES"):
        monkeypatch.setattr(f"sleeptime.swe.repository.{most}", 30)
    history.commit("begin", {f"file{number}.py": "" for number in range(40)})
    history.commit("less", {f"file{number}.py": None for number in range(20)})
    history.commit("export", {"export.py": "export = 1\n"})
    assert [found.path for found in Index.build(Repository.open(path)).search("export")] == ["export.py"]


def test_a_cache_changes_nothing_in_a_partial_clone_whose_contents_come_later(
    path: Path, history: History, tmp_path: Path
) -> None:
    words, clone = ("core", "pages", "store", "rows"), tmp_path / "clone"
    for number in range(30):
        files: dict[str | bytes, Content | None] = {f"old{number}/rows.py": "a = 1\n" * number}
        files |= {f"{word}.py": f"def {word}_{number}():\n    return {number}\n" for word in words}
        files |= {f"old{number - 1}/rows.py": None} if number else {}
        history.commit(f"let {words[number % 4]} be told", files)
    for option in ("allowFilter", "allowAnySHA1InWant"):
        run_git("config", f"uploadpack.{option}", "true", cwd=path)
    run_git("clone", "-q", "--filter=blob:none", f"file://{path}", "clone", cwd=tmp_path)
    for num_replayed in (0, 5):
        with Cache(tmp_path / "c.sqlite") as cache:
            warm = Index.build(Repository.open(clone), cache=cache, replays=5)
        cold = Index.build(Repository.open(clone), replays=5)
        assert warm.num_replayed == cold.num_replayed == num_replayed
        assert warm.search("let pages be told", 100) == cold.search("let pages be told", 100)
        run_git("fetch", "-q", "--refetch", "--no-filter", cwd=clone)


def test_a_commit_costs_only_the_files_that_it_changed(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, read = Repository.open(generated), list[str]()
    head, before = list(repository.commits(2))
    whole = Blob.read

    def counted(path: str, text: str) -> Blob:
        read.append(path)
        return whole(path, text)

    monkeypatch.setattr(Blob, "read", counted)
    with Cache(tmp_path / "c.sqlite") as cache:
        Index.build(repository.at(before.id), cache=cache)
        assert len(read) > 50
        read.clear()
        Index.build(repository, cache=cache)
        assert set(read) <= {change.path for change in head.changes}
        read.clear()
        Index.build(repository, cache=cache)
        assert read == []


def test_contents_that_are_kept_are_not_read_again(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, whole = list[str](), Objects.data

    def counted(self: Objects, blob_id: str) -> bytes | None:
        read.append(blob_id)
        return whole(self, blob_id)

    head, before = list(Repository.open(generated).commits(2))
    monkeypatch.setattr(Objects, "data", counted)
    with Cache(tmp_path / "c.sqlite") as cache:
        Index.build(Repository.open(generated, before.id), cache=cache)
        assert len(read) > 50
        read.clear()
        Index.build(Repository.open(generated), cache=cache)
    assert set(read) <= {change.blob for change in head.changes}


def test_a_cache_that_is_tidied_at_every_build_changes_nothing_but_what_is_kept(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [commit.id for commit in Repository.open(generated).commits()]
    kept = list[int]()
    for is_tidied in (False, True):
        if is_tidied:
            monkeypatch.setattr("sleeptime.swe.cache.SMALL", 0)
            monkeypatch.setattr("sleeptime.swe.cache.SPARE", 0)
        for commit_id in (ids[90], ids[0], ids[40]):
            with Cache(tmp_path / f"{is_tidied}.sqlite") as cache:
                index = Index.build(Repository.open(generated, commit_id), cache=cache, replays=5)
                kept.append(sum(len(cache.keys(kind)) for kind in ("blob", "mainline", "replay")))
            cold = Index.build(Repository.open(generated, commit_id), replays=5)
            assert index.search(QUERIES[0], 1000) == cold.search(QUERIES[0], 1000)
    assert kept[3] == kept[0]
    assert kept[5] < kept[2]


def test_a_build_that_is_interrupted_goes_on_where_it_stopped(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, count = Blob.read, 0

    def interrupted(path: str, text: str) -> Blob:
        nonlocal count
        count += 1
        if count == 40:
            raise KeyboardInterrupt
        return whole(path, text)

    monkeypatch.setattr(Blob, "read", interrupted)
    monkeypatch.setattr("sleeptime.swe.blobs.MANY", 10)
    with Cache(tmp_path / "c.sqlite") as cache:
        with pytest.raises(KeyboardInterrupt):
            Index.build(Repository.open(generated), cache=cache, replays=0)
        assert len(cache.all("blob")) == 30
        index = Index.build(Repository.open(generated), cache=cache, replays=0)
    assert index.search(QUERIES[0]) == Index.build(Repository.open(generated), replays=0).search(QUERIES[0])


def test_a_damaged_cache_gives_the_same_answers_after_a_word(generated: Path, tmp_path: Path) -> None:
    repository, told = Repository.open(generated), list[str]()
    with Cache(tmp_path / "c.sqlite") as cache:
        expected = Index.build(repository, cache=cache).search(QUERIES[0])
    (tmp_path / "c.sqlite").write_bytes(b"\0" * 10_000)
    with Cache(tmp_path / "c.sqlite", told.append) as cache:
        assert Index.build(repository, cache=cache).search(QUERIES[0]) == expected
    assert len(told) == 1


def test_more_replays_are_more_evidence_and_none_are_allowed(generated: Path) -> None:
    repository = Repository.open(generated)
    assert [Index.build(repository, replays=number).num_replayed for number in (0, 5)] == [0, 5]
    with pytest.raises(InputError, match="at least 0"):
        Index.build(repository, replays=-1)


def test_what_is_no_text_is_not_named_and_breaks_nothing(tmp_path: Path) -> None:
    history = History(tmp_path / "repo", is_bare=True)
    history.commit("begin", {"a.py": "export = 1\n", "b.bin": b"export\0", "l": Link("a.py"), "lib": Submodule()})
    history.commit("export", {b"caf\xe9.py": "export = 2\n", "empty.py": "", "b.bin": b"export\0\0"})
    lost = history.blob(b"export = 3\n")
    history.commit("lose", {"lost.py": "export = 3\n"})
    history.remove_object(lost)
    index = Index.build(Repository.open(tmp_path / "repo"))
    with Cache(tmp_path / "c.sqlite") as cache:
        for _ in range(2):
            kept = Index.build(Repository.open(tmp_path / "repo"), cache=cache)
            assert kept.search("export", 50) == index.search("export", 50)
            assert kept.paths == index.paths
    assert set(index.paths) == {"a.py", "caf\udce9.py", "empty.py"}
    assert {found.path for found in index.search("export")} >= {"a.py", "caf\udce9.py"}


def test_a_query_of_no_known_word_finds_nothing_and_predicts_nothing(tmp_path: Path) -> None:
    _shop(tmp_path / "repo")
    index = Index.build(Repository.open(tmp_path / "repo"))
    assert index.search("quux") == ()
    assert index.predict("quux") == ()


def test_what_is_predicted_is_what_is_found_first(generated: Path) -> None:
    index = Index.build(Repository.open(generated))
    for query in QUERIES:
        predicted = index.predict(query)
        assert predicted
        assert predicted == tuple(file.path for file in index.search(query, len(predicted)))


def test_documents_are_not_named_where_source_alone_is_asked_for(tmp_path: Path) -> None:
    _shop(tmp_path / "repo")
    index = Index.build(Repository.open(tmp_path / "repo"))
    assert "docs/export.md" in [found.path for found in index.search("how to export")]
    named = index.predict("how to export", source_only=True)
    assert named
    assert all(path.endswith(".py") for path in named)
