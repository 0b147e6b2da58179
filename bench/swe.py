"""The index of a repository: cold build, update after one commit, and warm queries, at 5 MB and 5,000 commits.

The repository is generated: files in four languages whose identifiers come from one vocabulary, so that words are rare
and frequent as in code, and commits that change a few of them. Times are of the wall; what the processor took stands
beside them, for on a busy machine only that can be compared.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from bench.figure import Figure
from sleeptime.swe.cache import Cache
from sleeptime.swe.index import Index
from sleeptime.swe.repository import Repository
from tests.support.repositories import Content, History

FILES = 1_000
COMMITS = 5_000
BYTES = 5_000_000
REPEATS = 5
QUERIES = 300
WORDS = 3_000
SEED = 0

_SYLLABLES = [first + last for first in "bdfgklmnprst" for last in ("a", "e", "io", "u")]
_FUNCTIONS = {
    "py": "def {a}_{b}({c}, {d}):\n    {e} = {c}.{f}({d})\n    return {a}({e}, {b}={d})\n\n\n",
    "ts": "export function {a}{B}({c}: {D}): {E} {{\n  const {f} = {c}.{a}({b});\n  return {f};\n}}\n\n",
    "go": "func {A}{B}({c} {D}) {E} {{\n\t{f} := {a}({c}, {b})\n\treturn {f}\n}}\n\n",
    "java": "  public {D} {a}{B}({E} {c}) {{\n    return {c}.{f}({b});\n  }}\n\n",
}


class _Source:
    """Draws words, functions, files and messages."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))) for _ in range(WORDS)]

    def words(self, num: int) -> list[str]:
        """Words, the first of the vocabulary far oftener than the last."""
        return [self._words[int(WORDS * self._rng.random() ** 3)] for _ in range(num)]

    def function(self, language: str) -> str:
        a, b, c, d, e, f = self.words(6)
        capitals = {"A": a.title(), "B": b.title(), "D": d.title(), "E": e.title()}
        return _FUNCTIONS[language].format(a=a, b=b, c=c, d=d, e=e, f=f, **capitals)

    def file(self, language: str) -> list[str]:
        functions, size = list[str](), 0
        while size < BYTES / FILES:
            functions.append(self.function(language))
            size += len(functions[-1])
        return functions

    def query(self) -> str:
        return "add " + " ".join(self.words(self._rng.randint(3, 9)))


def generate(path: Path, rng: random.Random) -> None:
    """Write the repository; its last commit changes three files."""
    source, history = _Source(rng), History(path, is_bare=True)
    languages = sorted(_FUNCTIONS)
    names = [f"{'/'.join(source.words(2))}_{i}.{languages[i % len(languages)]}" for i in range(FILES)]
    files = {name: source.file(name.rpartition(".")[2]) for name in names}
    history.commit("begin", {name: "".join(functions) for name, functions in files.items()}, branch=None)
    for number in range(1, COMMITS):
        changed = rng.sample(names, 3 if number == COMMITS - 1 else rng.choice((1, 1, 2, 3, 4, 5)))
        for name in changed:
            functions = files[name]
            functions[rng.randrange(len(functions))] = source.function(name.rpartition(".")[2])
        texts: dict[str | bytes, Content | None] = {name: "".join(files[name]) for name in changed}
        history.commit(source.query(), texts, branch="main" if number == COMMITS - 1 else None)


def timed(what: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    what()
    return time.perf_counter() - wall, time.process_time() - cpu


async def measure() -> list[Figure]:
    """Cold, update and warm."""
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        generate(folder / "repository", rng)
        head = Repository.open(folder / "repository")
        before = head.at(next(iter(head.commits(1))).parents[0])
        cold, updates = list[tuple[float, float]](), list[tuple[float, float]]()
        for repeat in range(REPEATS):
            path = folder / f"{repeat}.sqlite"
            cold.append(timed(lambda path=path: _build(folder, before.commit_id, path)))  # type: ignore[misc]
            updates.append(timed(lambda path=path: _build(folder, head.commit_id, path)))  # type: ignore[misc]
        index = _build(folder, head.commit_id, path)
        source = _Source(rng)
        queries = [source.query() for _ in range(QUERIES)]
        warm = [timed(lambda query=query: index.search(query)) for query in queries]  # type: ignore[misc]
        shutil.rmtree(folder / "repository")
    size = f"{BYTES / 1e6:.0f} MB, {COMMITS:,} commits, {FILES:,} files"
    walls, shares = ([100 * u[i] / c[i] for u, c in zip(updates, cold, strict=True)] for i in (0, 1))
    return [
        _seconds(f"index, cold build, {size}", cold),
        _seconds("index, update after one commit", updates),
        Figure(
            "index, update of a cold build",
            median(shares),
            "%",
            f"of processor time; median of {REPEATS}, {min(shares):.2f} to {max(shares):.2f}; by the clock "
            f"{median(walls):.2f}, {min(walls):.2f} to {max(walls):.2f}",
        ),
        Figure(
            "index, warm query, p95",
            1e3 * quantiles([wall for wall, _ in warm], n=20)[-1],
            "ms",
            f"of {QUERIES}; median {1e3 * median(wall for wall, _ in warm):.1f} ms; of the processor p95 "
            f"{1e3 * quantiles([cpu for _, cpu in warm], n=20)[-1]:.1f} ms",
        ),
    ]


def _build(folder: Path, commit_id: str, path: Path) -> Index:
    with Cache(path) as cache:
        return Index.build(Repository.open(folder / "repository", commit_id), cache=cache)


def _seconds(name: str, taken: list[tuple[float, float]]) -> Figure:
    walls = [wall for wall, _ in taken]
    cpu = median(cpu for _, cpu in taken)
    detail = f"median of {len(taken)}, {min(walls):.2f} to {max(walls):.2f} s; of the processor {cpu:.2f} s"
    return Figure(name, median(walls), "s", detail)
