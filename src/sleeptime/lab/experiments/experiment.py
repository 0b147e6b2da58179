"""What an experiment is: a question, the arms that are played, and what is found in their records.

An experiment calls no model. `lab.run` plays its arms and `lab.report` writes its findings, so that everything can be
made again from records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sleeptime.core.price import Price
from sleeptime.lab.arm import Arm
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import RecordBook


@dataclass(frozen=True, slots=True)
class Study:
    """What an experiment is given to analyse.

    Args:
        problems: those that were played.
        book: records of at least the experiment's arms on them.
        seed: of every draw of the analysis.
        price: USD per million tokens of the model, or of the one that stands in for it (`price_model`).
        price_model: whose price that is.
        is_quick: a small run, whose figures are no results.
    """

    problems: tuple[Problem, ...]
    book: RecordBook
    seed: int
    price: Price
    price_model: str
    is_quick: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report; cells are text as it is shown."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture of the report: a file name without suffix, a caption, and SVG text."""

    name: str
    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A target and what was measured.

    Args:
        target: such as ``"v0 with one draft is right in at least 85 %"``.
        measured: with its interval and n.
        is_met: None where it could not be decided.
    """

    target: str
    measured: str
    is_met: bool | None


@dataclass(frozen=True, slots=True)
class Findings:
    """What an experiment found.

    Args:
        summary: a few plain sentences, in Markdown.
        tables, figures, claims: in the order of the report.
        data: every number behind them, as JSON.
    """

    summary: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    claims: tuple[Claim, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


class Experiment(Protocol):
    """One question about sleep-time compute."""

    name: str
    """As the command line has it."""
    question: str
    """One line that ends with a question mark."""
    needs_scores: bool
    """True when the log-probability of each query is measured too."""

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """The arms to play, on every problem."""
        ...

    def analyse(self, study: Study) -> Findings:
        """Find out, from records alone.

        Raises:
            InputError: records are missing; the message says which.
        """
        ...
