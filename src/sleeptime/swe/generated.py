"""Generated repositories: git histories with known features, so that experiments need no network.

Each is drawn from a family (`families.py`) and a seed, the same bytes for the same ones. A feature changes the files
that the layout asks for: those of one thing in several layers, shared ones, now and then those of a neighbour. It is no
easy reading: messages use other words than the code, some things lack a layer, there are files with the same words that
no feature changes, and between the features fixes, refactorings across things, renames, bumps and formatting.

The truth of a feature's task is what its commit modified, and no task shows anything that came later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from random import Random
from typing import TYPE_CHECKING, Final

from sleeptime.core.errors import InputError
from sleeptime.swe.families import FAMILIES, Family
from sleeptime.swe.history import is_source
from sleeptime.swe.tasks import Related, Task
from sleeptime.swe.wishes import Wish

if TYPE_CHECKING:
    import pygit2

COMMITS: Final = 240
MIN_EARLIER: Final = 60
"""Commits before the first one that is a task."""
MIN_MODIFIED: Final = 3
"""Files that a task modifies at least, two of them source code."""
MAX_RELATED: Final = 6

_EPOCH: Final = 1_500_000_000
_STEP_S: Final = 7_200
_AUTHORS: Final = ("Ada", "Bo", "Cem", "Dara", "Eli")
_REASONS: Final = (
    "Several teams asked for this.",
    "Until now people did it by hand.",
    "It closes the last gap that the survey named.",
    "The old way stays as it was.",
    "See the discussion of last week.",
)
_FLAWS: Final = (
    "fix rounding in {p}",
    "fix a crash when there are no {p}",
    "{p}: correct the order of rows",
    "handle blank names of {p}",
    "fix time zones of {p}",
    "do not show a removed {s}",
)
_FILLERS: Final = ("load", "check", "merge", "count", "sort", "describe", "prepare", "compare", "total", "validate")
_CHORES: Final = ("bump version", "update dependencies", "run the formatter", "sort imports", "fix typos in comments")


@dataclass(frozen=True, slots=True)
class Generated:
    """A repository that was written.

    Args:
        path: of the bare repository.
        tasks: its features, oldest first, those alone that have enough history before them.
    """

    path: Path
    tasks: tuple[Task, ...]


def generate(folder: Path, family: str, *, seed: int = 0, commits: int = COMMITS) -> Generated:
    """Write a repository of a family.

    Args:
        folder: of the bare repository; made, and empty before.
        family: a name of `families.FAMILIES`.
        seed: of every draw.
        commits: how many.

    Raises:
        InputError: no such family, or there is something in the folder.
    """
    import pygit2

    if family not in FAMILIES:
        raise InputError(f"family {family!r} is not known; allowed: {', '.join(FAMILIES)}")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; give a new folder")
    repository = pygit2.init_repository(str(folder), bare=True, initial_head="main")
    history = _History(repository)
    _Project(FAMILIES[family], Random(f"{family} {seed}"), history).live(commits)
    return Generated(folder, _tasks(history.made, f"{family}-{seed}"))


@dataclass(frozen=True, slots=True)
class _Made:
    """A commit, and what it was for."""

    commit: str
    parent: str
    message: str
    modified: tuple[str, ...]
    thing: str = ""
    wish: str = ""


def _tasks(made: Sequence[_Made], name: str) -> tuple[Task, ...]:
    tasks = []
    for number, change in enumerate(made):
        source = tuple(filter(is_source, change.modified))
        if not change.wish or number < MIN_EARLIER or len(source) < 2 or len(change.modified) < MIN_MODIFIED:
            continue
        earlier = [other for other in made[:number] if other.wish]
        like = [other for other in earlier if other.wish == change.wish or other.thing == change.thing]
        related = tuple(
            Related(other.commit, other.message.splitlines()[0], other.modified) for other in like[-MAX_RELATED:]
        )
        task = Task(f"{name}-{change.commit[:10]}", change.parent, change.message, change.modified, source, related)
        tasks.append(task)
    return tuple(tasks)


class _History:
    """Commits written one after the other."""

    def __init__(self, repository: pygit2.Repository) -> None:
        import pygit2

        self._repository = repository
        self._index = pygit2.Index()
        self.files: dict[str, str] = {}
        self.made: list[_Made] = []

    def commit(self, message: str, texts: dict[str, str], author: str, moved: Iterable[str] = (), **why: str) -> None:
        """Write one commit: new texts of paths, and paths that are gone."""
        import pygit2

        modified = tuple(sorted(path for path in texts if path in self.files))
        for path in moved:
            self._index.remove(path)
            del self.files[path]
        for path, text in texts.items():
            blob = self._repository.create_blob(text.encode())
            self._index.add(pygit2.IndexEntry(path, blob, pygit2.enums.FileMode.BLOB))
        self.files.update(texts)
        tree = self._index.write_tree(self._repository)
        at = _EPOCH + _STEP_S * len(self.made)
        who = pygit2.Signature(author, f"{author.lower()}@example.org", at, 0)
        parent = self.made[-1].commit if self.made else ""
        parents = [pygit2.Oid(hex=parent)] if parent else []
        made = self._repository.create_commit("refs/heads/main", who, who, message, tree, parents)
        self.made.append(_Made(str(made), parent, message, modified, **why))


@dataclass(slots=True)
class _Project:
    """What a project does from day to day."""

    family: Family
    rng: Random
    history: _History
    places: dict[tuple[str, str], str] = field(default_factory=dict)
    """Path of each thing in each layer; of shared files, the thing is ""."""
    granted: set[tuple[str, str]] = field(default_factory=set)
    """Things with the wishes that they have been granted."""
    version: int = 0

    def live(self, commits: int) -> None:
        """Make so many commits."""
        self._begin()
        waiting = [thing for thing, _ in self.family.things[2:]]
        pace = max(2, commits // 5 // max(1, len(waiting)))
        while len(self.history.made) < commits:
            if waiting and len(self.history.made) % pace == 0:
                self._introduce(waiting.pop(0))
                continue
            kinds = (self._feature, self._fix, self._refactor, self._chore, self._rename)
            [act] = self.rng.choices(kinds, weights=(50, 25, 8, 14, 3))
            act()

    @property
    def _things(self) -> list[str]:
        return list(dict.fromkeys(thing for thing, _ in self.places if thing))

    def _begin(self) -> None:
        for name, path in self.family.shared:
            self.places["", name] = path.format(pkg=self.family.package)
        texts = {path: self._body(path, name) for (_, name), path in self.places.items()}
        texts |= {"README.md": f"# {self.family.package}\n", "NEWS.md": "# News\n", "VERSION": "0.1.0\n"}
        for thing, _ in self.family.things[:2]:
            texts |= self._files_of(thing)
        self._commit("Initial import", texts)

    def _introduce(self, thing: str) -> None:
        texts = self._files_of(thing)
        shared = [self.places["", name] for name in ("schema", "routes") if ("", name) in self.places]
        texts |= self._grown([*shared, "README.md"], thing, "register")
        self._commit(self._said(thing, "new module for {p}", "new module for {p}"), texts)

    def _files_of(self, thing: str) -> dict[str, str]:
        """The first texts of a thing; one in six layers is not there."""
        texts = {}
        for layer, template in self.family.layers:
            if layer != "core" and self.rng.random() < 1 / 6:
                continue
            path = self._path(template, thing)
            self.places[thing, layer] = path
            texts[path] = self._body(path, thing)
        for template in self.family.distractors:
            if self.rng.random() < 0.7:
                path = self._path(template, thing)
                texts[path] = self._distraction(path, thing)
        return texts

    def _feature(self) -> None:
        thing, wish = self._wished()
        phrase = self.rng.choice(wish.words)
        layers = [*wish.always, *(layer for layer in wish.often if self.rng.random() < 0.75)]
        paths = [self.places[thing, layer] for layer in dict.fromkeys(layers) if (thing, layer) in self.places]
        paths += [self.places["", name] for name in wish.shared if self.rng.random() < 0.85]
        if wish.neighbours:
            others = self._things
            paths.append(self.places[others[(others.index(thing) + 1) % len(others)], "core"])
        if self.rng.random() < 0.4:
            paths.append("NEWS.md")
        texts = self._grown(paths, thing, wish.code, self.rng.choice(wish.words))
        if self.rng.random() < 0.2:
            path = f"tests/data/{thing}_{wish.code}_{len(self.history.made)}.txt"
            texts[path] = f"{thing} {wish.code}\n"
        body = f"\n\n{self._worded(thing, self.rng.choice(_REASONS))}" if self.rng.random() < 0.5 else ""
        self.granted.add((thing, wish.code))
        self._commit(self._said(thing, phrase, phrase) + body, texts, thing=thing, wish=wish.code)

    def _wished(self) -> tuple[str, Wish]:
        """What is asked for next: once each, and when all is granted, again."""
        pairs = [(thing, wish) for thing in self._things for wish in self.family.wishes]
        new = [(thing, wish) for thing, wish in pairs if (thing, wish.code) not in self.granted]
        return self.rng.choice(new or pairs)

    def _fix(self) -> None:
        thing = self.rng.choice(self._things)
        paths = [path for (owner, layer), path in self.places.items() if owner == thing and layer != "doc"]
        chosen = self.rng.sample(paths, min(len(paths), self.rng.choice((1, 1, 2))))
        self._commit(self._said(thing, self.rng.choice(_FLAWS), ""), self._grown(chosen, thing, "repair"))

    def _refactor(self) -> None:
        """One layer of several things changes together, for no feature."""
        layer = self.rng.choice([layer for layer, _ in self.family.layers if layer != "doc"])
        paths = [path for (thing, of), path in self.places.items() if thing and of == layer]
        chosen = self.rng.sample(paths, min(len(paths), self.rng.randint(2, 4)))
        words = self.rng.choice(("simplify", "refactor", "clean up", "split helpers of"))
        self._commit(f"{words} the {layer} layer", self._grown(chosen, layer, "tidy"))

    def _chore(self) -> None:
        self.version += 1
        what = self.rng.choice(_CHORES)
        if what == "bump version":
            texts = {
                "VERSION": f"0.{self.version}.0\n",
                "NEWS.md": self.history.files["NEWS.md"] + f"\n0.{self.version}\n",
            }
        else:
            paths = self.rng.sample(sorted(self.history.files), min(len(self.history.files), 9))
            texts = {path: self.history.files[path] + "\n" for path in paths}
        self._commit(what, texts)

    def _rename(self) -> None:
        key = self.rng.choice([key for key in self.places if key[1] not in ("test", "doc")])
        old = PurePosixPath(self.places[key])
        new = str(old.with_stem(f"{old.stem}_{self.rng.choice(('base', 'main', 'impl'))}"))
        if new in self.history.files or old.stem.endswith(("_base", "_main", "_impl")):
            return
        self.places[key] = new
        self._commit(f"rename {old.name}", {new: self.history.files[str(old)]}, moved=(str(old),))

    def _commit(self, message: str, texts: dict[str, str], moved: Iterable[str] = (), **why: str) -> None:
        self.history.commit(message, texts, self.rng.choice(_AUTHORS), moved, **why)

    def _said(self, thing: str, phrase: str, feature: str) -> str:
        """A phrase as the first line of a message."""
        text = self._worded(thing, phrase)
        scope = self._names(thing)[1]
        if self.family.style == "scoped":
            return f"{scope}: {text}"
        if self.family.style == "conventional":
            return f"{'feat' if feature else 'fix'}({scope}): {text}"
        return text[0].upper() + text[1:]

    def _worded(self, thing: str, phrase: str) -> str:
        singular, plural = self._names(thing)
        return phrase.format(s=singular, p=plural)

    def _names(self, thing: str) -> tuple[str, str]:
        """What people call a thing; not always the same."""
        return self.rng.choice(dict(self.family.things).get(thing, ((thing, thing),)))

    def _path(self, template: str, thing: str) -> str:
        plural = dict(self.family.things)[thing][0][1].replace(" ", "_")
        return template.format(pkg=self.family.package, e=thing, es=plural)

    def _body(self, path: str, thing: str) -> str:
        """A first text: a few functions that have to do with the thing."""
        verbs = self.rng.sample(_FILLERS, 4)
        return "\n".join(_function(path, f"{verb}_{thing}", self._worded(thing, f"{verb} {{p}}")) for verb in verbs)

    def _distraction(self, path: str, thing: str) -> str:
        """A text with the words of wishes that it has nothing to do with."""
        wishes = self.rng.sample(self.family.wishes, 3)
        lines = [_function(path, f"old_{wish.code}_{thing}", self._worded(thing, wish.words[0])) for wish in wishes]
        return "\n".join(lines)

    def _grown(self, paths: Iterable[str], thing: str, code: str, words: str = "") -> dict[str, str]:
        """The texts of paths with one more function each; half of them in the words of people."""
        texts = {}
        for path in dict.fromkeys(paths):
            told = self._worded(thing, words) if words and self.rng.random() < 0.5 else f"{code} of {thing}"
            name = f"{code}_{thing}_{len(self.history.made)}"
            texts[path] = self.history.files[path] + "\n" + _function(path, name, told)
        return texts


def _function(path: str, name: str, told: str) -> str:
    """One more piece of a file, in its language."""
    suffix = PurePosixPath(path).suffix
    if suffix == ".py":
        return f'def {name}(rows, limit=None):\n    """{told}."""\n    return [row for row in rows if row][:limit]\n'
    words = name.split("_")
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    if suffix in (".ts", ".tsx"):
        return f"/** {told}. */\nexport function {camel}(rows: Row[]): Row[] {{\n  return rows.filter(Boolean);\n}}\n"
    if suffix == ".go":
        return f"// {camel}: {told}.\nfunc {camel}(rows []Row, limit int) []Row {{\n\treturn rows[:limit]\n}}\n"
    if suffix in (".html", ".tmpl"):
        return f'<section id="{name}"><h2>{told}</h2></section>\n'
    return f"## {name.replace('_', ' ')}\n\n{told}.\n"
