"""Records: what is kept of every answer and of every draft, enough to score and count again without a model.

A `RecordBook` is a folder of JSON lines. A line is written as soon as its answer is there, so a run that is stopped
goes on where it was. `pack` writes them sorted and compressed, the same bytes for the same records.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from sleeptime.core.errors import InputError
from sleeptime.core.note import Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.core.usage import Usage
from sleeptime.lab.problem import Tag
from sleeptime.sleep.outcome import Draft

AnswerKey = tuple[str, str, int]
DraftKey = tuple[str, str, int]


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

    Raises:
        InputError: the folder holds records that cannot be read; the message names the file and line.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: dict[AnswerKey, Record] = {}
        self.drafts: dict[DraftKey, Draft] = {}
        self.scores: dict[str, dict[str, float]] = {}
        """Log-probabilities of queries, by problem."""
        self._open: dict[str, TextIO] = {}
        for line in self._lines("answers"):
            record = Record(**(line | {"usage": Usage(**line["usage"])}))
            self.answers[record.key] = record
        for line in self._lines("drafts"):
            self.drafts[line["context_id"], line["recipe"], line["index"]] = _draft(line)
        for line in self._lines("scores"):
            self.scores[line.pop("problem")] = line

    def add_answer(self, record: Record) -> None:
        """Keep one answer."""
        self.answers[record.key] = record
        self._append("answers", _answer_line(record))

    def add_draft(self, key: DraftKey, draft: Draft) -> None:
        """Keep one draft: of a context, by a recipe, under its number."""
        self.drafts[key] = draft
        self._append("drafts", _draft_line(key, draft))

    def add_score(self, problem: str, **figures: float) -> None:
        """Keep what was measured of a problem's query."""
        self.scores[problem] = figures
        self._append("scores", {"problem": problem} | figures)

    def of(self, arm: str) -> list[Record]:
        """Records of an arm, by problem and sample."""
        return sorted((r for r in self.answers.values() if r.arm == arm), key=lambda r: (r.problem, r.sample))

    def pack(self) -> None:
        """Write everything sorted and compressed, in place of the plain lines."""
        self.close()
        for name, lines in (
            ("answers", [_answer_line(self.answers[key]) for key in sorted(self.answers)]),
            ("drafts", [_draft_line(key, self.drafts[key]) for key in sorted(self.drafts)]),
            ("scores", [{"problem": key} | self.scores[key] for key in sorted(self.scores)]),
        ):
            if not lines:
                continue
            target = self.folder / f"{name}.jsonl.gz"
            partial = target.with_suffix(".partial")
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            partial.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
            partial.replace(target)
            (self.folder / f"{name}.jsonl").unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files; further records open them again."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _append(self, name: str, line: Mapping[str, Any]) -> None:
        if name not in self._open:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._open[name] = (self.folder / f"{name}.jsonl").open("a", encoding="utf-8")
        self._open[name].write(json.dumps(line, ensure_ascii=False) + "\n")
        self._open[name].flush()

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        packed, plain = self.folder / f"{name}.jsonl.gz", self.folder / f"{name}.jsonl"
        if packed.exists():
            yield from _parsed(packed, gzip.decompress(packed.read_bytes()))
        if plain.exists():
            data = plain.read_bytes()
            whole = data[: data.rfind(b"\n") + 1]
            if len(whole) < len(data):
                plain.write_bytes(whole)  # a line that was being written when the run was stopped
            yield from _parsed(plain, whole)


def _parsed(path: Path, data: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(data.splitlines(), 1):
        try:
            parsed = json.loads(line)
            if not isinstance(parsed, dict):
                raise ValueError("not an object")
        except ValueError as error:
            raise InputError(
                f"line {number} of {path} is not a record ({error}); remove the folder to start anew"
            ) from error
        yield parsed


def _answer_line(record: Record) -> dict[str, Any]:
    line = asdict(record)
    line["usage"] = {name: count for name, count in line["usage"].items() if count}
    line["tags"] = dict(record.tags)
    line["latency_s"] = round(record.latency_s, 4)
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
