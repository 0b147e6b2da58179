"""Book: what a run keeps of each answer and each sleep, so that one that was stopped goes on where it was.

A folder of JSON lines, of one model and one way to sleep. A line is written as soon as its answer is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sleeptime.core.errors import InputError
from sleeptime.core.note import Note, NoteKind
from sleeptime.core.usage import Usage
from sleeptime.lab.lines import LineFile, read_lines
from sleeptime.lab.lock import FolderLock
from sleeptime.swe.arms import Play

_ANSWERS: Final = "answers.jsonl"
_SLEEPS: Final = "sleeps.jsonl"
_ABOUT: Final = "about.json"

AnswerKey = tuple[str, str, str, int, int]
"""Repository, arm, task, budget in steps, seed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a task.

    Args:
        repository, arm, task, steps, seed: of what (`arms.Play`).
        predicted: files.
        source: source files, where those alone are asked for.
        used: steps that were used.
        end: how an agent ended; ``""`` for the others.
        usage: tokens of all its calls.
        latency_s: from the query to the answer, with everything that ran beside it.
        digest: of what was told (`arms.Play`).
    """

    repository: str
    arm: str
    task: str
    steps: int
    seed: int
    predicted: tuple[str, ...]
    source: tuple[str, ...]
    used: int = 0
    end: str = ""
    usage: Usage = field(default_factory=Usage)
    latency_s: float = 0.0
    digest: str = ""

    @property
    def key(self) -> AnswerKey:
        """What there is one answer of."""
        return self.repository, self.arm, self.task, self.steps, self.seed


@dataclass(frozen=True, slots=True)
class Slept:
    """What sleep on one change left.

    Args:
        repository: name of it.
        change: commit, and the state of its files that the notes are true of.
        notes: what was written; may be none.
        usage: tokens of all its calls.
        latency_s: how long it took.
    """

    repository: str
    change: str
    notes: tuple[Note, ...]
    usage: Usage = field(default_factory=Usage)
    latency_s: float = 0.0


class Book:
    """The records in a folder; one process at a time has it.

    Args:
        folder: made when it is not there.
        about: what the records are of; a folder of something else is refused.

    Raises:
        InputError: the folder holds records of another model, or none that can be read, or another run writes to it;
            or it cannot be made.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self._folder = folder
        try:
            self._lock = FolderLock(folder)
        except OSError as error:
            raise InputError(f"{folder} cannot be written ({error.strerror}); choose another --output") from error
        self._files: dict[str, LineFile] = {}
        self.answers: dict[AnswerKey, Answer] = {}
        self.sleeps: dict[tuple[str, str], Slept] = {}
        try:
            read_lines(folder / _ANSWERS, self._take_answer)
            read_lines(folder / _SLEEPS, self._take_sleep)
            self._check(about)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the files, and let others write."""
        for file in self._files.values():
            file.close()
        self._lock.release()

    def has(self, play: Play) -> bool:
        """Whether there is an answer to what is told now."""
        answer = self.answers.get(play.key)
        return answer is not None and answer.digest == play.digest

    def add(self, record: Answer | Slept) -> None:
        """Keep one."""
        line = asdict(replace(record, latency_s=round(record.latency_s, 6)))
        line["usage"] = {name: count for name, count in line["usage"].items() if count}
        if isinstance(record, Answer):
            self.answers[record.key] = record
        else:
            line["notes"] = [[note.subject, note.text, list(note.depends_on)] for note in record.notes]
            self.sleeps[record.repository, record.change] = record
        name = _ANSWERS if isinstance(record, Answer) else _SLEEPS
        if name not in self._files:
            self._files[name] = LineFile(self._folder / name)
        self._files[name].add(json.dumps(line, ensure_ascii=True) + "\n")

    def _take_answer(self, line: Mapping[str, Any]) -> None:
        paths = {name: tuple(line[name]) for name in ("predicted", "source")}
        answer = Answer(**_with_usage(line) | paths)
        self.answers[answer.key] = answer

    def _take_sleep(self, line: Mapping[str, Any]) -> None:
        slept = Slept(**_with_usage(line) | {"notes": tuple(map(_note, line["notes"]))})
        self.sleeps[slept.repository, slept.change] = slept

    def _check(self, about: Mapping[str, Any]) -> None:
        """Refuse records of something else; none are there yet where a user only wanted an estimate."""
        place = self._folder / _ABOUT
        if not place.exists() or not (self.answers or self.sleeps):
            place.write_text(json.dumps(dict(about)), encoding="utf-8")
            return
        try:
            there = json.loads(place.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{place} cannot be read ({error}); choose another --output") from error
        if there != dict(about):
            raise InputError(f"{self._folder} holds records of {there}, not of {dict(about)}; choose another --output")


def _with_usage(line: Mapping[str, Any]) -> dict[str, Any]:
    return dict(line) | {"usage": Usage(**line["usage"])}


def _note(parts: list[Any]) -> Note:
    subject, text, depends_on = parts
    return Note(NoteKind.TEXT, text, subject=subject, depends_on=tuple(depends_on))
