"""Build: tasks from the history of a repository, and how many commits each filter removed.

A task is a commit of the mainline: its message is the query, the files that it modified are the truth, and its first
parent is all that may be seen. Filters are asked in the order of `Filter`; a commit counts for the first that removes
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.swe.history import Commit, is_source
from sleeptime.swe.related import Messages
from sleeptime.swe.repository import FileKind, Repository
from sleeptime.swe.tasks import Related, Task
from sleeptime.swe.wording import adds_a_feature, is_upkeep, query_of

MIN_SOURCE: Final = 3
MAX_SOURCE: Final = 10
"""Source files that a task modifies."""
MAX_FILES: Final = 30
"""Files that a task changes in any way."""
MAX_MOVED: Final = 0.2
"""Share of a task's files that are renamed or deleted: below this."""
MIN_EARLIER: Final = 40
"""Commits of the mainline before a task."""
MIN_CANDIDATES: Final = 10
"""Source files to choose from."""
MAX_RELATED: Final = 5
PAPER_SUFFIXES: Final = (".py", ".js")
"""arXiv:2504.13171, section 6: pull requests that modify at least 3 .py or .js files."""

Progress = Callable[[int, int | None], None]
"""Told how many commits are done, and of how many."""


class Source(StrEnum):
    """Which commits of the mainline are looked at."""

    MAINLINE = "mainline"
    MERGES = "merges"


class Rule(StrEnum):
    """Which filters are asked."""

    PAPER = "paper"
    STRICT = "strict"


class RelatedFrom(StrEnum):
    """Where the related changes of a task come from.

    EARLIER: strictly before the task's commit, with messages like its query; nothing of its truth is used.
    PAPER_CLUSTER: changes of the same files, at any time: sees the truth and the future, as a cluster of pull requests
        does that is put together afterwards (arXiv:2504.13171, section 6, says no more of how its clusters were made).
    """

    EARLIER = "earlier"
    PAPER_CLUSTER = "paper-cluster"


class Filter(StrEnum):
    """What removes a commit; `REASONS` says why."""

    SOURCE = "source"
    BASE = "base"
    WORDS = "words"
    FEATURE = "feature"
    UPKEEP = "upkeep"
    FEW_SOURCE = "few-source"
    MANY_SOURCE = "many-source"
    MANY_FILES = "many-files"
    MOVED = "moved"
    FEW_EARLIER = "few-earlier"
    FEW_CANDIDATES = "few-candidates"


REASONS: Final = {
    Filter.SOURCE: "a merge, or none where merges are asked for",
    Filter.BASE: "no parent to start from",
    Filter.WORDS: "no words left in the message",
    Filter.FEATURE: "no feature verb",
    Filter.UPKEEP: "a fix, format, bump, lint or revert",
    Filter.FEW_SOURCE: f"fewer than {MIN_SOURCE} modified source files",
    Filter.MANY_SOURCE: f"more than {MAX_SOURCE} modified source files",
    Filter.MANY_FILES: f"more than {MAX_FILES} changed files",
    Filter.MOVED: f"{MAX_MOVED:.0%} or more renamed or deleted",
    Filter.FEW_EARLIER: f"fewer than {MIN_EARLIER} earlier commits",
    Filter.FEW_CANDIDATES: f"fewer than {MIN_CANDIDATES} source files to choose from",
}
STRICT_ONLY: Final = frozenset(
    {Filter.UPKEEP, Filter.MANY_SOURCE, Filter.MANY_FILES, Filter.MOVED, Filter.FEW_EARLIER, Filter.FEW_CANDIDATES}
)
"""Filters that the rule `paper` does not ask."""
ALWAYS: Final = frozenset({Filter.SOURCE, Filter.BASE, Filter.WORDS, Filter.FEW_SOURCE})
"""Filters that cannot be left out: there is no task without them."""


@dataclass(frozen=True, slots=True)
class Built:
    """Tasks, newest first, and what became of the other commits.

    num_commits: that were looked at: the tasks, and those that were removed.
    removed: how many commits each filter removed, in the order in which they are asked; also 0.
    """

    tasks: tuple[Task, ...]
    num_commits: int
    removed: Mapping[Filter, int]


def build_tasks(
    repository: Repository,
    *,
    source: Source = Source.MAINLINE,
    rule: Rule = Rule.STRICT,
    related_from: RelatedFrom = RelatedFrom.EARLIER,
    without: Collection[Filter] = (),
    progress: Progress = lambda _done, _total: None,
) -> Built:
    """The tasks of a repository's history.

    Args:
        repository: at the newest commit that may become a task.
        source: which commits are looked at.
        rule: which filters are asked.
        related_from: where each task's related changes come from.
        without: filters that are not asked.
        progress: told after each commit.

    Raises:
        InputError: a filter that cannot be left out.
    """
    if kept := sorted(ALWAYS.intersection(without)):
        raise InputError(f"the filter {kept[0]} cannot be left out; there is no task without it")
    asked = [one for one in Filter if one not in without and (rule is Rule.STRICT or one not in STRICT_ONLY)]
    total = repository.num_commits()
    found, removed = list[tuple[Task, Commit]](), Counter[Filter]()
    commits = list[Commit]()
    for place, commit in enumerate(repository.commits()):
        commits.append(commit)
        tests = _tests(repository, commit, source, rule, num_earlier=total - place - 1)
        against = next((one for one in asked if tests[one]()), None)
        if against is None:
            found.append((_task(commit, related_from), commit))
        else:
            removed[against] += 1
        progress(place + 1, total)
    relate = _earlier if related_from is RelatedFrom.EARLIER else _cluster
    tasks = relate(found, [commit for commit in commits if _is_of(commit, source)])
    return Built(tasks, len(commits), {one: removed[one] for one in asked})


def filters(names: Iterable[str]) -> tuple[Filter, ...]:
    """Filters by name.

    Raises:
        InputError: there is none of a name.
    """
    given = tuple(names)
    for name in given:
        if name not in set(Filter):
            raise InputError(f"there is no filter {name[:40]!r}; there is {', '.join(sorted(set(Filter) - ALWAYS))}")
    return tuple(map(Filter, given))


def _tests(
    repository: Repository, commit: Commit, source: Source, rule: Rule, *, num_earlier: int
) -> dict[Filter, Callable[[], bool]]:
    """Whether each filter removes a commit."""
    query = query_of(commit.message)
    modified = [change.path for change in commit.changes if change.status == "modified"]
    num_source = sum(_is_counted(path, rule) for path in modified)
    num_moved = sum(change.status in ("renamed", "deleted") for change in commit.changes)
    return {
        Filter.SOURCE: lambda: not _is_of(commit, source),
        Filter.BASE: lambda: num_earlier == 0,
        Filter.WORDS: lambda: not query,
        Filter.FEATURE: lambda: not adds_a_feature(query),
        Filter.UPKEEP: lambda: is_upkeep(query),
        Filter.FEW_SOURCE: lambda: num_source < MIN_SOURCE,
        Filter.MANY_SOURCE: lambda: num_source > MAX_SOURCE,
        Filter.MANY_FILES: lambda: len(commit.changes) > MAX_FILES,
        Filter.MOVED: lambda: num_moved >= MAX_MOVED * len(commit.changes),
        Filter.FEW_EARLIER: lambda: num_earlier < MIN_EARLIER,
        Filter.FEW_CANDIDATES: lambda: _num_candidates(repository.at(commit.parents[0])) < MIN_CANDIDATES,
    }


def _is_of(commit: Commit, source: Source) -> bool:
    return (len(commit.parents) > 1) == (source is Source.MERGES)


def _is_counted(path: str, rule: Rule) -> bool:
    return is_source(path) if rule is Rule.STRICT else path.lower().endswith(PAPER_SUFFIXES)


def _num_candidates(base: Repository) -> int:
    return sum(file.kind is FileKind.TEXT and is_source(path) for path, file in base.files().items())


def _task(commit: Commit, related_from: RelatedFrom) -> Task:
    modified = tuple(change.path for change in commit.changes if change.status == "modified")
    return Task(
        id=commit.id[:16],
        base_commit=commit.parents[0],
        query=query_of(commit.message),
        modified_all=modified,
        modified_source=tuple(path for path in modified if is_source(path)),
        related_from=related_from.value,
    )


def _earlier(found: Sequence[tuple[Task, Commit]], commits: Sequence[Commit]) -> tuple[Task, ...]:
    """The tasks, each with the changes before it whose messages read like its query."""
    tasks = {commit.id: task for task, commit in found}
    messages, made = Messages(), list[Task]()
    for commit in reversed(commits):
        if commit.id in tasks:
            task = tasks[commit.id]
            made.append(replace(task, related=_related(messages.like(task.query, MAX_RELATED))))
        if _can_be_related(commit):
            messages.add(commit)
    return tuple(reversed(made))


def _cluster(found: Sequence[tuple[Task, Commit]], commits: Sequence[Commit]) -> tuple[Task, ...]:
    """The tasks, each with the changes that share most files with it, before and after."""
    files = {commit.id: frozenset(_changed(commit)) for commit in commits if _can_be_related(commit)}
    places = {commit.id: place for place, commit in enumerate(commits)}

    def likest(task: Task, its: Commit) -> list[Commit]:
        truth = frozenset(task.modified_all)
        shares = [
            (-len(truth & others) / len(truth | others), places[other])
            for other, others in files.items()
            if other != its.id and truth & others
        ]
        return [commits[place] for _, place in sorted(shares)[:MAX_RELATED]]

    return tuple(replace(task, related=_related(likest(task, commit))) for task, commit in found)


def _can_be_related(commit: Commit) -> bool:
    return 0 < len(commit.changes) <= MAX_FILES


def _changed(commit: Commit) -> tuple[str, ...]:
    return tuple(change.path for change in commit.changes if change.status != "deleted")


def _related(commits: Iterable[Commit]) -> tuple[Related, ...]:
    return tuple(Related(commit.id, _title(commit), _changed(commit)) for commit in commits)


def _title(commit: Commit) -> str:
    return query_of(commit.message).partition("\n")[0] or commit.title
