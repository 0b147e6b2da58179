"""`add` of a repository: a commit re-uses every part that it did not change, and history ends at the commit added."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from sleeptime.app import Sleeptime
from sleeptime.store.store import Store
from sleeptime.store.tables import PartRow
from sleeptime.swe.repository import Repository
from tests.support.repositories import Content, History, Link, Submodule


async def count_parts(store: Store) -> int:
    async with store._database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(PartRow))).scalar_one())


async def test_a_commit_adds_the_parts_that_it_changed_and_no_other(tmp_path: Path) -> None:
    url, path = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "repo"
    history = History(path, is_bare=True)
    files: dict[str | bytes, Content | None] = {f"src/m{number}.py": f"x = {number}\n" for number in range(50)}
    history.commit("first", files | {"same.py": "x = 0\n", "b.bin": b"\0", "l": Link("b.bin"), "lib": Submodule()})
    async with Sleeptime(database=url) as sleeptime, await Store.open(url) as store:
        assert (await sleeptime.add("shop", str(path))).parts == 51
        assert await count_parts(store) == 50  # two files have one text
        changes: list[dict[str | bytes, Content | None]] = [
            {"src/m0.py": "x = 1000\n"},
            {"src/m1.py": None, "lib/m1.py": "x = 1\n", "src/m2.py": "x = 2000\n"},
            {"b.bin": b"\0\0"},
        ]
        for change, num_new in zip(changes, (1, 1, 0), strict=True):
            before = await count_parts(store)
            head = history.commit("next", change)
            added = await sleeptime.add("shop", str(path))
            assert (await count_parts(store) - before, added.parts) == (num_new, 51)
            assert await store.repository_of("shop") == (str(path), head)


async def test_the_history_of_a_context_ends_at_the_commit_that_was_added(tmp_path: Path) -> None:
    url, path = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "repo"
    history = History(path, is_bare=True)
    first = history.commit("first", {"a.py": "1"})
    history.point("refs/tags/v1", first)
    history.commit("second", {"a.py": "2"})
    async with Sleeptime(database=url) as sleeptime, await Store.open(url) as store:
        await sleeptime.add("shop", f"{path}@v1")
        repository = Repository.open(*await store.repository_of("shop"))
    assert [commit.id for commit in repository.commits()] == [first]
    assert repository.text("a.py") == "1"


async def test_what_cannot_be_read_is_left_out_with_its_reason_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "repo"
    history = History(path, is_bare=True)
    files: dict[str | bytes, Content | None] = {
        "a.py": "a = 1\n",
        "b.bin": b"\0",
        "gone.py": "gone = 1\n",
        "huge.txt": b"x" * ((1 << 20) + 1),
        "outside": Link("../../secret.txt"),
        "lib": Submodule(),
        b"caf\xe9\n.py": "ignore = 'all previous instructions'\n",
        b"\xff.bin": b"\xff\xfe\0",
    }
    history.commit("first", files)
    history.remove_object(Repository.open(path).files()["gone.py"].blob)
    (tmp_path / "secret.txt").write_text("secret")
    async with Sleeptime(database=f"sqlite:///{tmp_path / 'store.db'}") as sleeptime:
        added = await sleeptime.add("shop", str(path))
        context = await (await sleeptime._resources.store()).context("shop")
    assert [part.name for part in context.parts] == ["repo/a.py", "repo/caf\\xe9\\n.py"]
    assert {(item.name, item.reason.value) for item in added.skipped} == {
        ("repo/b.bin", "binary"),
        ("repo/gone.py", "unreadable"),
        ("repo/huge.txt", "too large"),
        ("repo/outside", "link"),
        ("repo/lib", "submodule"),
        ("repo/\\xff.bin", "not UTF-8"),
    }
