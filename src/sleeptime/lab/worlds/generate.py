"""Draw worlds from families: numbers, relations, sentences and queries, all from one explicit generator.

The split of a world follows from the hash of its text, so that no context of one split can ever stand in another.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

from sleeptime.lab.worlds.families import Family, Feature
from sleeptime.lab.worlds.world import MAX_VALUE, Operand, Operation, Quantity, Query, Step, World

MIN_DERIVED, MAX_DERIVED = 4, 10
FRACTIONS = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth"}


class Split(StrEnum):
    """Which use a world is for; decided by its content."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def split_of(text: str) -> Split:
    """Split of a context: 90 % train, 5 % validation, 5 % test, by sha256 of its text."""
    bucket = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 100
    return Split.TRAIN if bucket < 90 else Split.VALIDATION if bucket < 95 else Split.TEST


class _Infeasible(Exception):
    """The numbers drawn so far leave no valid choice: draw again."""


@dataclass
class _Draft:
    """A world while it is being drawn."""

    family: Family
    rng: random.Random
    singular: str
    plural: str
    sentences: list[str] = field(default_factory=list)
    quantities: dict[str, Quantity] = field(default_factory=dict)
    queries: list[Query] = field(default_factory=list)
    likely: set[str] = field(default_factory=set)
    functions: list[Step] = field(default_factory=list)

    def write(self, template: str, **words: object) -> str:
        """Fill a template with the family's words."""
        has, have = self.family.verb
        return template.format(s=self.singular, i=self.plural, has=has, have=have, **words)

    def fact(self, name: str, value: int) -> str:
        self.quantities[name] = Quantity(name, value)
        return name

    def derive(self, name: str, left: Operand, operation: Operation, right: Operand) -> Step:
        """Add a derived quantity.

        Raises:
            _Infeasible: its value is not a whole number from 1 to MAX_VALUE.
        """
        step = Step(name, left, operation, right)
        try:
            value = operation.apply(self._value(left), self._value(right))
        except ValueError as error:
            raise _Infeasible from error
        if not 1 <= value <= MAX_VALUE:
            raise _Infeasible
        self.quantities[name] = Quantity(name, value, step)
        return step

    def ask(self, template: str, step: Step, weight: float, **words: object) -> None:
        own = words.get("n")
        function = f"{step.name} for n" if own is not None else ""
        number = own if isinstance(own, int) else None
        self.queries.append(Query(self.write(template, **words), step, weight, number, function))

    def _value(self, operand: Operand) -> int:
        return operand if isinstance(operand, int) else self.quantities[operand].value


def generate_world(family: Family, rng: random.Random) -> World:
    """Draw one world of a family. Deterministic for the state of `rng`."""
    while True:
        draft = _Draft(family, rng, *rng.choice(family.items))
        try:
            _draw(draft)
        except _Infeasible:
            continue
        world = _finish(draft)
        if MIN_DERIVED <= len(world.derived) <= MAX_DERIVED:
            return world


def generate_worlds(split: Split, seed: int, families: Sequence[Family]) -> Iterator[World]:
    """Endless stream of worlds of one split, families drawn uniformly."""
    rng = random.Random(f"{split}:{seed}")
    while True:
        world = generate_world(rng.choice(families), rng)
        if split_of(world.text) is split:
            yield world


def _draw(draft: _Draft) -> None:
    rng = draft.rng
    owners = draft.family.owners[: rng.choices((2, 3, 4), (4, 5, 1))[0]]
    stated = [(owners[0], _first_owner(draft, owners[0]))]
    for index, owner in enumerate(owners[1:], start=1):
        stated.append((owner, _next_owner(draft, owner, owners[:index])))
    features = [line for feature in draft.family.features for line in _feature(draft, feature, owners)]
    if rng.random() < 0.3:
        rng.shuffle(stated)
    draft.sentences += [*(sentence for _, sentence in stated), *features]
    _ask_items(draft, owners)
    _ask_sums(draft, [owner for owner, _ in stated])


def _first_owner(draft: _Draft, owner: str) -> str:
    """The first owner's items: stated, or packed in containers (a product)."""
    rng, family = draft.rng, draft.family
    if family.containers and rng.random() < 0.8:
        one, many = rng.choice(family.containers)
        count = draft.fact(f"{owner} {many}", rng.randint(3, 9))
        size = draft.fact(f"{one} {draft.plural}", rng.randint(3, max(9, family.high // 2)))
        draft.derive(f"{owner} {draft.plural}", size, Operation.MULTIPLY, count)
        values = draft.quantities[count].value, draft.quantities[size].value
        sentence = f"{{o}} {{has}} {{n}} {many} of {{i}} with {{m}} {{i}} in each {one}."
        return draft.write(sentence, o=owner, n=values[0], m=values[1])
    draft.fact(f"{owner} {draft.plural}", value := rng.randint(6, family.high))
    return draft.write("{o} {has} {n} {i}.", o=owner, n=value)


def _next_owner(draft: _Draft, owner: str, earlier: Sequence[str]) -> str:
    """A further owner's items: mostly relative to an earlier owner, sometimes stated."""
    rng, family = draft.rng, draft.family
    other = {"chain": earlier[-1], "star": earlier[0], "mixed": rng.choice(earlier)}[family.shape]
    name, base = f"{owner} {draft.plural}", f"{other} {draft.plural}"
    value = draft.quantities[base].value
    relation = rng.choices(("stated", "more", "fewer", "times", "part"), (1, 4, 4, 4, 2))[0]
    if relation == "stated":
        draft.fact(name, number := rng.randint(6, family.high))
        return draft.write("{o} {has} {n} {i}.", o=owner, n=number)
    if relation == "part":
        divisors = [n for n in FRACTIONS if value % n == 0 and value > n]
        if not divisors:
            raise _Infeasible
        number = rng.choice(divisors)
        draft.derive(name, base, Operation.DIVIDE, number)
        return draft.write("{o} {has} {n} as many {i} as {p}.", o=owner, p=other, n=FRACTIONS[number])
    if relation == "times":
        number = rng.randint(2, 9)
        draft.derive(name, base, Operation.MULTIPLY, number)
        return draft.write("{o} {has} {n} times as many {i} as {p}.", o=owner, p=other, n=number)
    number = rng.randint(2, 60)
    draft.derive(name, base, Operation.ADD if relation == "more" else Operation.SUBTRACT, number)
    return draft.write(f"{{o}} {{has}} {{n}} {relation} {{i}} than {{p}}.", o=owner, p=other, n=number)


def _feature(draft: _Draft, feature: Feature, owners: Sequence[str]) -> list[str]:
    """Derived quantities of one feature, its sentences, its questions and its functions of an unknown."""
    attribute = draft.plural if feature.of == "items" else feature.of
    holders = [owner for owner in owners if f"{owner} {attribute}" in draft.quantities]
    if not holders:
        return []
    if not feature.is_for_one:
        number = draft.rng.randint(feature.low, feature.high)
        for owner in holders:
            _derive_feature(draft, feature, owner, f"{owner} {attribute}", number)
        sentences = [draft.write(feature.sentence, n=number)]
    else:
        holders = draft.rng.sample(holders, draft.rng.randint(1, min(2, len(holders))))
        sentences = []
        for owner in holders:
            base = f"{owner} {attribute}"
            number = _number_for(draft, feature, base)
            _derive_feature(draft, feature, owner, base, number)
            sentences.append(draft.write(feature.sentence, o=owner, n=number))
    for owner in holders:
        _ask_own_number(draft, feature, owner, f"{owner} {attribute}")
    return sentences


def _derive_feature(draft: _Draft, feature: Feature, owner: str, base: str, number: int) -> None:
    left, right = (number, base) if feature.reverse else (base, number)
    step = draft.derive(f"{owner} {feature.attribute}", left, feature.operation, right)
    draft.likely.add(step.name)
    draft.ask(feature.ask, step, feature.weight, o=owner)


def _number_for(draft: _Draft, feature: Feature, base: str) -> int:
    """A number that keeps the result whole, positive and small."""
    value, rng = draft.quantities[base].value, draft.rng
    if feature.reverse:
        return min(MAX_VALUE, value + rng.randint(feature.low, feature.high))
    if feature.operation is Operation.DIVIDE:
        allowed = [n for n in range(2, 10) if value % n == 0 and value > n]
    elif feature.operation is Operation.SUBTRACT:
        allowed = list(range(feature.low, min(feature.high, value - 1) + 1))
    else:
        allowed = list(range(feature.low, feature.high + 1))
    if not allowed:
        raise _Infeasible
    return rng.choice(allowed)


def _ask_own_number(draft: _Draft, feature: Feature, owner: str, base: str) -> None:
    """A query with a number of its own, and the function of an unknown that answers it."""
    if not feature.own:
        return
    number = _number_for(draft, feature, base)
    left, right = (number, base) if feature.reverse else (base, number)
    step = Step(f"{owner} {feature.attribute}", left, feature.operation, right)
    if not 1 <= step.operation.apply(draft._value(left), draft._value(right)) <= MAX_VALUE:
        return
    unknown: Operand = UNKNOWN
    left, right = (unknown, base) if feature.reverse else (base, unknown)
    draft.functions.append(Step(f"{step.name} for n", left, feature.operation, right))
    draft.ask(feature.own, step, feature.weight / 4, o=owner, n=number)


UNKNOWN = "n"
"""Operand of a function of an unknown."""


def _ask_items(draft: _Draft, owners: Sequence[str]) -> None:
    for owner in owners:
        step = draft.quantities[f"{owner} {draft.plural}"].step
        if step is not None:
            draft.ask("How many {i} does {o} {have}?", step, 2.0, o=owner)


def _ask_sums(draft: _Draft, owners: Sequence[str]) -> None:
    """Sums of the owners that the text names first (noted) and differences of any two (unlikely, and noted nowhere)."""
    items = [f"{owner} {draft.plural}" for owner in owners]
    pair = draft.derive(f"pair {draft.plural}", items[0], Operation.ADD, items[1])
    if len(owners) == 2:
        draft.ask("How many {i} do they {have} in all?", pair, 3.0)
        draft.likely.add(pair.name)
    else:
        draft.ask("How many {i} do {o} and {p} {have} together?", pair, 1.0, o=owners[0], p=owners[1])
    if len(owners) == 3:
        total = draft.derive(f"all {draft.plural}", pair.name, Operation.ADD, items[2])
        draft.ask("How many {i} do they {have} in all?", total, 3.0)
        draft.likely.add(total.name)
    for (first, a), (second, b) in combinations(zip(owners, items, strict=True), 2):
        big, small, many, few = (first, second, a, b) if draft._value(a) > draft._value(b) else (second, first, b, a)
        if draft._value(many) > draft._value(few):
            step = Step(f"{big} over {small}", many, Operation.SUBTRACT, few)
            draft.ask("How many more {i} does {o} {have} than {p}?", step, 0.3, o=big, p=small)


def _finish(draft: _Draft) -> World:
    return World(
        draft.family.name,
        tuple(draft.sentences),
        tuple(draft.quantities.values()),
        tuple(draft.queries),
        frozenset(draft.likely),
        tuple(draft.functions),
    )
