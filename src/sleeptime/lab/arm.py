"""An arm: one way to serve the queries of an experiment. Arms are compared on the same problems."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import StrEnum

from sleeptime.core.budget import parse_budget
from sleeptime.core.errors import InputError
from sleeptime.sleep.settings import SleepSettings
from sleeptime.wake.route import Route


class Harm(StrEnum):
    """What is done to a c' before it is served, to see how much of it an answer survives."""

    ERRORS = "errors"
    """A share of its values is wrong."""
    DISTRACTORS = "distractors"
    """As many true notes of another context are mixed in, by share."""
    EMPTY = "empty"
    """It has no notes."""
    OTHER = "other"
    """It is that of another context."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Harm done to every c' of an arm.

    Args:
        harm: of which kind.
        share: of the notes, 0 to 1; 1 for the kinds that concern all of them.
        seed: of the draw of notes and wrong values.
    """

    harm: Harm
    share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError(f"the share of damaged notes is between 0 and 1, got {self.share}")


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to serve queries.

    Args:
        budget: as `core.budget.parse_budget` reads it.
        sleep: how c' is made; None serves from the context alone, the paper's baseline.
        route: ``auto``, ``notes`` or ``full``; an arm without sleep is always ``full``.
        keep_raw: send c beside c'.
        temperature: of the answer; 0 is greedy.
        samples: answers per query, each with a seed of its own.
        seed: of the first answer; sample i has ``seed + i``.
        damage: harm done to c', None for none.
        is_guess: the query is hidden; the model guesses one and answers it (context-only, arXiv:2504.13171, section
            5.4).
    """

    budget: str = "v0"
    sleep: SleepSettings | None = None
    route: Route = Route.AUTO
    keep_raw: bool = True
    temperature: float = 0.0
    samples: int = 1
    seed: int = 0
    damage: Damage | None = None
    is_guess: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "budget", str(parse_budget(self.budget)))
        if self.sleep is None:
            object.__setattr__(self, "route", Route.FULL)
        if self.samples < 1:
            raise InputError(f"an arm takes at least 1 sample per query, got {self.samples}")
        if self.damage is not None and self.sleep is None:
            raise InputError("only an arm that sleeps has notes to damage")
        if self.is_guess and self.sleep is not None:
            raise InputError("context-only has no notes: it guesses the query from the context alone")

    @property
    def key(self) -> str:
        """What sets the arm apart, as records name it: ``"v0"``, ``"v0 sleep(drafts=10)"``.

        Values that are the default are left out; the number of samples too, since sample i is the same in all of them.
        """
        said = [self.budget]
        if self.sleep is not None:
            said.append(f"sleep({recipe_key(self.sleep)})")
            if self.route is not Route.AUTO:
                said.append(f"route={self.route}")
            if not self.keep_raw:
                said.append("without c")
        if self.temperature:
            said.append(f"t={self.temperature:g}")
        if self.seed:
            said.append(f"seed={self.seed}")
        if self.damage is not None:
            said.append(f"{self.damage.harm}({self.damage.share:g}, seed={self.damage.seed})")
        if self.is_guess:
            said.append("guess")
        return " ".join(said)


def recipe_key(settings: SleepSettings) -> str:
    """The settings of a sleep that are not the default, without those that do not change what is written."""
    default = asdict(SleepSettings())
    given = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in ("concurrency", "profile")}
    return ", ".join(f"{name}={value}" for name, value in given.items() if value != default[name])
