"""A world in the words that nano learns: notes at three efforts, completions at five verbosities, drills.

A number is written in figures and every operation apart, "Tom cost = 72 * 4 = 288.", so that a line can be checked by
executing it. Completions end with `<|answer|>` and the answer; at `v0` they are the answer alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from sleeptime.lab.worlds.generate import UNKNOWN
from sleeptime.lab.worlds.world import MAX_VALUE, Operand, Operation, Query, Step, World

ANSWER = "<|answer|>"
MAX_EFFORT = 3


def notes(world: World, effort: int, rng: random.Random | None = None) -> list[str]:
    """The notes a perfect sleeper writes: in the order of the text, or with `rng` in a random topological order.

    Effort 1 holds what is likely to be asked and what that needs; 2 every derived quantity; 3 also the functions of an
    unknown.
    """
    names = _closure(world, world.likely) if effort == 1 else [quantity.name for quantity in world.derived]
    functions = world.functions if effort >= MAX_EFFORT else ()
    if rng is None:
        steps = [quantity.step for quantity in world.derived if quantity.step is not None and quantity.name in names]
    else:
        steps = _shuffled(world, names, rng)
        functions = tuple(rng.sample(functions, len(functions)))
    return [*(line(world, step) for step in steps), *(function_line(world, step) for step in functions)]


def line(world: World, step: Step) -> str:
    """One derived note: "Tom cost = 72 * 4 = 288."."""
    return f"{step.name} = {_operation(world, step)} = {world.evaluate(step)}."


def brief(text: str) -> str:
    """A note line as it is served at wake, without its working: "Tom cost = 288."; a function stays whole."""
    name, *_, value = text.split(" = ")
    return f"{name} = {value}"


def function_line(world: World, step: Step) -> str:
    """One function note: "Tom cost for n = 72 * n."."""
    return f"{step.name} = {_operation(world, step)}."


def completion(world: World, query: Query, verbosity: int, known: frozenset[str] = frozenset()) -> str:
    """What a perfect model answers.

    Args:
        verbosity: 0 the answer alone; 1 and 2 the last one or two steps; 3 every step that is not `known`; 4 every step
            from the base facts, in words, each checked by its inverse (notes are not relied on).
        known: names of the quantities that the notes hold.
    """
    answer = world.answer(query)
    if verbosity == 0:
        return str(answer)
    if verbosity == 4:
        said = [_in_words(world, step) for step in world.steps(query)]
    elif query.own_number is None and query.step.name in known:
        said = [f"{query.step.name} = {answer}."]
    else:
        steps = world.steps(query, known)
        said = [line(world, step) for step in (steps if verbosity == 3 else steps[-verbosity:])]
    return " ".join([*said, f"{ANSWER} {answer}"])


def drill(rng: random.Random) -> str:
    """One line of plain arithmetic, over the ranges that worlds use."""
    operation = rng.choices(list(Operation), (3, 4, 4, 3))[0]
    match operation:
        case Operation.ADD:
            a = rng.randint(1, rng.choice((60, MAX_VALUE - 1)))
            b = rng.randint(1, min(MAX_VALUE - a, rng.choice((90, MAX_VALUE))))
        case Operation.SUBTRACT:
            a = rng.randint(2, rng.choice((99, MAX_VALUE)))
            b = rng.randint(1, min(a - 1, rng.choice((60, MAX_VALUE))))
        case Operation.MULTIPLY:
            b = rng.randint(2, 9)
            a = rng.randint(2, min(MAX_VALUE // b, rng.choice((60, MAX_VALUE))))
        case Operation.DIVIDE:
            b = rng.randint(2, 9)
            a = b * rng.randint(2, min(MAX_VALUE // b, rng.choice((30, MAX_VALUE))))
    return f"{a} {operation} {b} = {operation.apply(a, b)}."


def _operation(world: World, step: Step) -> str:
    return f"{_shown(world, step.left)} {step.operation} {_shown(world, step.right)}"


def _shown(world: World, operand: Operand) -> str:
    return UNKNOWN if operand == UNKNOWN else str(world.value(operand))


def _in_words(world: World, step: Step) -> str:
    """One step in words, with the source of each number and a check by the inverse operation."""
    sources = [f"{_shown(world, o)} from {o}" if isinstance(o, str) else f"{o}" for o in (step.left, step.right)]
    left, right, value = world.value(step.left), world.value(step.right), world.evaluate(step)
    return (
        f"{step.name}: take {sources[0]} and {sources[1]}, so {left} {step.operation} {right} = {value}, "
        f"check {value} {step.operation.inverse} {right} = {left}."
    )


def _closure(world: World, names: Iterable[str]) -> list[str]:
    wanted: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        step = world.by_name[name].step
        if step is not None and name not in wanted:
            wanted.add(name)
            pending.extend(step.needs)
    return [quantity.name for quantity in world.quantities if quantity.name in wanted]


def _shuffled(world: World, names: Sequence[str], rng: random.Random) -> list[Step]:
    """Steps of the named quantities in a random topological order."""
    waiting = {name: step for name in names if (step := world.by_name[name].step)}
    order: list[Step] = []
    while waiting:
        ready = [step for step in waiting.values() if not any(need in waiting for need in step.needs)]
        step = rng.choice(ready)
        order.append(waiting.pop(step.name))
    return order
