"""A world: quantities in a small graph, the text that states them, and queries with executable truth.

Knows nothing of families, of models, or of how a world is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

MAX_VALUE = 999
"""Largest value of any quantity: three digits keep the arithmetic learnable for a small model."""


class Operation(StrEnum):
    """The four operations; division is always exact."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"

    def apply(self, a: int, b: int) -> int:
        """Return `a op b`.

        Raises:
            ValueError: the division is not exact, or divides by zero.
        """
        match self:
            case Operation.ADD:
                return a + b
            case Operation.SUBTRACT:
                return a - b
            case Operation.MULTIPLY:
                return a * b
            case Operation.DIVIDE:
                if b == 0 or a % b:
                    raise ValueError(f"{a} / {b} is not exact")
                return a // b

    @property
    def inverse(self) -> Operation:
        """The operation that undoes this one: `(a op b) inverse b == a`."""
        return _INVERSE[self]


_INVERSE = {
    Operation.ADD: Operation.SUBTRACT,
    Operation.SUBTRACT: Operation.ADD,
    Operation.MULTIPLY: Operation.DIVIDE,
    Operation.DIVIDE: Operation.MULTIPLY,
}

Operand = str | int
"""A quantity's name, or a number that stands in the text of the relation itself."""


@dataclass(frozen=True, slots=True)
class Step:
    """One derivation: `name = left op right`."""

    name: str
    left: Operand
    operation: Operation
    right: Operand

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the quantities this step reads."""
        return tuple(operand for operand in (self.left, self.right) if isinstance(operand, str))


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a world: a base fact (`step is None`) or a derived value."""

    name: str
    value: int
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A natural question about one quantity.

    Attributes:
        text: the question as a user would type it.
        step: the last derivation; its name is what is asked for. A query that brings a number of its own, or that
            asks for something no quantity of the world holds, has a step of its own.
        weight: how likely a user is to ask it, relative to the other queries of the world.
        own_number: the number that only the query states; None for queries about stated quantities.
        function: name of the function of an unknown that answers it ("Tom cost for n"), "" when there is none.
    """

    text: str
    step: Step
    weight: float
    own_number: int | None = None
    function: str = ""


@dataclass(frozen=True)
class World:
    """One generated context with its quantities and queries.

    `quantities` is in topological order: a step reads only names that stand before it.
    """

    family: str
    sentences: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    queries: tuple[Query, ...]
    likely: frozenset[str]
    functions: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The context as a reader sees it."""
        return " ".join(self.sentences)

    @cached_property
    def by_name(self) -> Mapping[str, Quantity]:
        """Quantities by their names."""
        return {quantity.name: quantity for quantity in self.quantities}

    @property
    def derived(self) -> tuple[Quantity, ...]:
        """Quantities that have to be worked out."""
        return tuple(quantity for quantity in self.quantities if quantity.step is not None)

    def value(self, operand: Operand) -> int:
        """Value of a quantity, or the number itself."""
        return operand if isinstance(operand, int) else self.by_name[operand].value

    def evaluate(self, step: Step) -> int:
        """Carry out one step on this world's values.

        Raises:
            KeyError: the step names a quantity that this world does not have.
            ValueError: an inexact division.
        """
        return step.operation.apply(self.value(step.left), self.value(step.right))

    def answer(self, query: Query) -> int:
        """The true answer of a query, by executing the graph."""
        return self.evaluate(query.step)

    def steps(self, query: Query, known: frozenset[str] = frozenset()) -> tuple[Step, ...]:
        """The derivations a query needs, in topological order, leaving out what is `known`. The last one answers it."""
        wanted: set[str] = set()
        pending = list(query.step.needs)
        while pending:
            name = pending.pop()
            step = self.by_name[name].step
            if name in wanted or name in known or step is None:
                continue
            wanted.add(name)
            pending.extend(step.needs)
        before = [quantity.step for quantity in self.quantities if quantity.name in wanted and quantity.step]
        return (*before, query.step)

    def depth(self, query: Query) -> int:
        """Number of steps from base facts to the answer."""
        return len(self.steps(query))
