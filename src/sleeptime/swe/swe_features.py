"""Reader of the paper's SWE-Features, letta-ai/SWE-Features, from the user's own copy or the hub (arXiv:2504.13171).

What its rows hold is not known for sure here, so a field is taken under any of the names that such sets use, and what
was not understood is said. A row of another repository, or whose base commit is not in this one's history, is no task.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sleeptime.core.errors import InputError
from sleeptime.core.text import kept_text
from sleeptime.lab.datasets.rows import Row
from sleeptime.swe.history import is_source
from sleeptime.swe.repository import Repository
from sleeptime.swe.tasks import Related, Task

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "id": ("instance_id", "id", "pr_number", "pull_number", "number", "pr", "pull_request"),
    "base": (
        "base_commit",
        "base_sha",
        "base_commit_sha",
        "base_commit_hash",
        "commit_before",
        "parent_commit",
        "base",
    ),
    "title": ("title", "pr_title", "name"),
    "body": ("body", "pr_body", "description", "problem_statement", "query", "question", "issue", "text"),
    "files": ("modified_files", "changed_files", "files", "file_changes", "gold_files", "filenames", "files_changed"),
    "patch": ("patch", "diff", "gold_patch"),
    "related": ("related", "related_prs", "siblings", "sibling_prs", "cluster", "related_pull_requests", "context"),
    "commit": ("commit", "merge_commit_sha", "merge_commit", "head_sha", "sha", "head_commit", "commit_sha"),
    "repository": ("repo", "repository", "repo_name", "full_name"),
}
_HEX: Final = re.compile(r"[0-9a-f]{40}")
_PATCHED: Final = re.compile(r"^--- a/(?P<old>.+)\n\+\+\+ b/(?P<new>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Released:
    """What could be read of a released file.

    tasks: those of this repository, in the order of the file.
    num_rows: in the file.
    left_out: how many rows are no task, by reason.
    unread_fields: names of fields that nothing was taken from.
    """

    tasks: tuple[Task, ...]
    num_rows: int
    left_out: Mapping[str, int]
    unread_fields: tuple[str, ...]


def released_tasks(rows: Sequence[Row], repository: Repository) -> Released:
    """The tasks of a released file that are of this repository.

    Args:
        rows: as they were read.
        repository: at a commit that builds on every base commit.

    Raises:
        InputError: no row can be used; says which fields there are and which are looked for.
    """
    tasks, left_out, unread = dict[str, Task](), Counter[str](), set[str]()
    for row in rows:
        fields = _Fields(row.fields)
        try:
            task = _task(fields, repository)
            if task.id in tasks:
                raise _NoTask(f"the id {task.id[:80]} stands in the file already")
            tasks[task.id] = task
        except _NoTask as reason:
            left_out[str(reason)] += 1
        unread |= fields.unread()
    if not tasks:
        known = ", ".join(sorted({name for row in rows for name in row.fields})[:20]) or "none"
        wanted = "; ".join(f"{what}: {', '.join(_NAMES[what])}" for what in ("base", "title", "body", "files", "patch"))
        why = "; ".join(f"{count:,}: {reason}" for reason, count in left_out.most_common(5))
        raise InputError(
            f"none of {len(rows):,} rows is a task of {repository.path} ({why}). The fields there are: {known}. "
            f"Looked for: {wanted}"
        )
    return Released(tuple(tasks.values()), len(rows), dict(left_out), tuple(sorted(unread)))


class _NoTask(Exception):
    """Why a row is none."""


class _Fields:
    """The fields of one object by what they mean; remembers which were taken."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._taken = set[str]()

    def find(self, what: str) -> Any:
        """The first field of this meaning that is not empty; None when there is none."""
        for name in _NAMES[what]:
            if _holds(self._given.get(name)):
                self._taken.add(name)
                return self._given[name]
        return None

    def text(self, what: str) -> str:
        """A field of this meaning as text; "" when there is none."""
        value = self.find(what)
        is_plain = isinstance(value, str | int) and not isinstance(value, bool)
        return kept_text(str(value)).strip() if is_plain else ""

    def unread(self) -> set[str]:
        """Names of fields that hold something that was not taken."""
        return {name for name, value in self._given.items() if _holds(value)} - self._taken


def _holds(value: Any) -> bool:
    return value not in (None, "", [], {})


def _task(fields: _Fields, repository: Repository) -> Task:
    own_id, name = fields.text("id"), fields.text("repository")
    base_id = _commit_id(fields.find("base"))
    query = "\n\n".join(text for text in (fields.text("title"), fields.text("body")) if text)
    related = tuple(_siblings(fields.find("related")))
    own_commit, given = fields.find("commit"), list(_paths(fields.find("files"), fields.find("patch")))
    if not base_id:
        raise _NoTask("no base commit of 40 hex digits")
    if not query:
        raise _NoTask("no title and no body")
    try:
        base = repository.at(base_id)
    except InputError:
        of = f", it says it is of {name[:80]}" if name else ""
        raise _NoTask(f"its base commit is not in the history that was opened{of}") from None
    there = base.files()
    modified = tuple(path for path in dict.fromkeys(given) if path in there)
    if not modified:
        raise _NoTask("no modified file that is there at its base commit")
    return Task(
        id=own_id or _commit_id(own_commit)[:16] or base_id[:16],
        base_commit=base_id,
        query=query,
        modified_all=modified,
        modified_source=tuple(path for path in modified if is_source(path)),
        related=related,
        related_from="paper-cluster",
    )


def _commit_id(value: Any) -> str:
    """An id that is written as such, or as an object with a ``sha``; "" for anything else."""
    if isinstance(value, Mapping):
        value = value.get("sha")
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if _HEX.fullmatch(text) else ""


def _paths(files: Any, patch: Any) -> Iterator[str]:
    """The modified files of a list of paths or of objects, or else of a patch; added, deleted and renamed ones not."""
    listed = files.keys() if isinstance(files, Mapping) else files
    for item in listed if isinstance(listed, Iterable) and not isinstance(listed, str) else ():
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            name = next(
                (item[key] for key in ("filename", "path", "file", "name") if isinstance(item.get(key), str)), None
            )
            if name is not None and str(item.get("status") or "modified").lower() in ("modified", "changed", "m"):
                yield name
    if not listed and isinstance(patch, str):
        yield from (match["new"] for match in _PATCHED.finditer(patch) if match["old"] == match["new"])


def _siblings(value: Any) -> Iterator[Related]:
    for item in value if isinstance(value, list | tuple) else ():
        if isinstance(item, Mapping):
            fields = _Fields(item)
            commit = _commit_id(fields.find("commit")) or fields.text("id")
            title = fields.text("title") or fields.text("body").partition("\n")[0]
            files = tuple(dict.fromkeys(_paths(fields.find("files"), fields.find("patch"))))
            if commit and (title or files):
                yield Related(commit, title, files)
