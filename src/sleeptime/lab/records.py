"""Records: what is kept of every answer and of every draft, enough to score and count again without a model.

A `RecordBook` is a folder of JSON lines. A line is written as soon as its answer is there, so a run that is stopped
goes on where it was. `pack` writes them sorted and compressed, the same bytes for the same records. What a book
holds is what a later run reads of it, to the last digit. Many may read a book; one at a time writes.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from sleeptime.core.note import Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.core.usage import Usage
from sleeptime.lab.lines import LineFile, read_lines
from sleeptime.lab.lock import FolderLock
from sleeptime.lab.problem import Tag
from sleeptime.sleep.outcome import Draft

AnswerKey = tuple[str, str, int]
"""Arm, problem, number of the sample."""
DraftKey = tuple[str, str, int]
"""Context, recipe, number of the draft."""

_NAMES: Final = ("answers", "drafts", "scores")
_SUFFIXES: Final = (".jsonl.gz", ".jsonl")
"""Packed lines, and those that came since."""


@dataclass(frozen=True, slots=True)
class Record:
    """One answer.

    Args:
        arm: `Arm.key`.
        problem: `Problem.id`.
        sample: number of the answer among those of one query, from 0.
        context_id: which queries share a context.
        reply: what the model said.
        verdict: ``right``, ``wrong`` or ``unscored`` (no answer could be read from the reply).
        route: how it was served.
        usage: tokens of the call that answered.
        notes: how many notes stood in the prompt.
        latency_s: wall-clock seconds, with everything that ran beside it.
        tags: of the problem.
        is_rejected: the provider refused the prompt for what it holds, so there is no reply but what it said to that.
    """

    arm: str
    problem: str
    sample: int
    context_id: str
    reply: str
    verdict: str
    route: str
    usage: Usage
    notes: int = 0
    latency_s: float = 0.0
    tags: Mapping[str, Tag] = field(default_factory=dict)
    is_rejected: bool = False

    @property
    def key(self) -> AnswerKey:
        """What there is one record of."""
        return self.arm, self.problem, self.sample

    @property
    def is_right(self) -> bool:
        """True for the true answer; an unscored reply is not right, and is counted apart."""
        return self.verdict == "right"


class RecordBook:
    """The records of one dataset and one model, in a folder.

    Args:
        folder: made when the first record is written.
        is_writer: keep others from writing from now on, until `close`; else from the first record on.

    Raises:
        InputError: the folder holds records that cannot be read (the message names the file and line), or another run
            writes to it.
    """

    def __init__(self, folder: Path, *, is_writer: bool = False) -> None:
        self.folder = folder
        self.answers: dict[AnswerKey, Record] = {}
        self.drafts: dict[DraftKey, Draft] = {}
        self.scores: dict[str, dict[str, float]] = {}
        """Log-probabilities of queries, by problem."""
        self._files: dict[str, LineFile] = {}
        self._lock = FolderLock(folder) if is_writer else None
        for name in _NAMES:
            for suffix in _SUFFIXES:
                read_lines(folder / f"{name}{suffix}", partial(self._take, name))

    def add_answer(self, record: Record) -> None:
        """Keep one answer."""
        self._add("answers", _answer_line(record))

    def add_draft(self, key: DraftKey, draft: Draft) -> None:
        """Keep one draft: of a context, by a recipe, under its number."""
        self._add("drafts", _draft_line(key, draft))

    def add_score(self, problem: str, **figures: float) -> None:
        """Keep what was measured of a problem's query."""
        self._add("scores", {"problem": problem} | figures)

    def of(self, arm: str) -> list[Record]:
        """Records of an arm, by problem and sample."""
        return sorted((r for r in self.answers.values() if r.arm == arm), key=lambda r: (r.problem, r.sample))

    def pack(self) -> None:
        """Write everything sorted and compressed, in place of the plain lines."""
        self._claim()
        self._close_files()
        for name, lines in (
            ("answers", [_answer_line(self.answers[key]) for key in sorted(self.answers)]),
            ("drafts", [_draft_line(key, self.drafts[key]) for key in sorted(self.drafts)]),
            ("scores", [{"problem": key} | self.scores[key] for key in sorted(self.scores)]),
        ):
            if not lines:
                continue
            target = self.folder / f"{name}.jsonl.gz"
            packed = target.with_suffix(".partial")
            packed.write_bytes(gzip.compress("".join(map(_text, lines)).encode(), 9, mtime=0))
            packed.replace(target)
            (self.folder / f"{name}.jsonl").unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files, and let others write; further records open them again."""
        self._close_files()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _claim(self) -> None:
        if self._lock is None:
            self._lock = FolderLock(self.folder)

    def _take(self, name: str, line: Mapping[str, Any]) -> None:
        """Hold what a line says."""
        if name == "answers":
            record = Record(**(dict(line) | {"usage": Usage(**line["usage"])}))
            self.answers[record.key] = record
        elif name == "drafts":
            self.drafts[line["context_id"], line["recipe"], line["index"]] = _draft(line)
        else:
            self.scores[line["problem"]] = {figure: value for figure, value in line.items() if figure != "problem"}

    def _add(self, name: str, line: Mapping[str, Any]) -> None:
        if name not in self._files:
            self._claim()
            self._files[name] = LineFile(self.folder / f"{name}.jsonl")
        self._files[name].add(_text(line))
        self._take(name, line)

    def _close_files(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()


def has_records(folder: Path) -> bool:
    """Whether a folder holds any record."""
    return any((folder / f"{name}{suffix}").exists() for name in _NAMES for suffix in _SUFFIXES)


def _text(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"


def _answer_line(record: Record) -> dict[str, Any]:
    line = asdict(record)
    line["usage"] = {name: count for name, count in line["usage"].items() if count}
    line["tags"] = dict(record.tags)
    line["latency_s"] = round(record.latency_s, 4)
    if not record.is_rejected:  # as a rule
        del line["is_rejected"]
    return line


def _draft_line(key: DraftKey, draft: Draft) -> dict[str, Any]:
    usage = {name: count for name, count in draft.usage.as_dict().items() if count}
    notes = [[note.kind.value, note.text, note.subject, note.value, note.derivation] for note in draft.notes]
    head = {"context_id": key[0], "recipe": key[1], "index": key[2], "outcome": draft.outcome.value}
    return head | {"reason": draft.reason, "usage": usage, "notes": notes}


def _draft(line: Mapping[str, Any]) -> Draft:
    """A draft as it was kept; what its notes depend on is the whole context, which has one part."""
    notes = tuple(Note(NoteKind(kind), *texts) for kind, *texts in line["notes"])
    return Draft(Outcome(line["outcome"]), notes, line["reason"], Usage(**line["usage"]))
