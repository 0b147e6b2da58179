"""Look-up drills: a few facts or notes, and questions that only need the right one to be found.

Which number belongs to which owner is learnt late and suddenly in whole worlds, where every answer also needs
arithmetic; here the same binding is the whole task.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from sleeptime.lab.worlds import TRAINING
from sleeptime.lab.worlds.language import ANSWER
from sleeptime.lab.worlds.world import MAX_VALUE


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is given, with its control word, and pairs of a question with its control word and its completion."""

    given: str
    asked: tuple[tuple[str, str], ...]


def draw_lookup(rng: random.Random) -> Lookup:
    """Facts of several owners, or note lines of several owners and attributes, in the words of a training family."""
    family = rng.choice(TRAINING)
    singular, plural = rng.choice(family.items)
    has, have = family.verb
    owners = rng.sample(family.owners, rng.randint(2, 4))
    asks = {plural: "How many {i} does {o} {have}?"}
    if rng.random() < 0.3:
        values = {(owner, plural): rng.randint(1, MAX_VALUE) for owner in owners}
        given = "<|context|> " + " ".join(f"{owner} {has} {value} {plural}." for (owner, _), value in values.items())
    else:
        asks |= {feature.attribute: feature.ask for feature in family.features}
        pairs = [(owner, attribute) for owner in owners for attribute in asks]
        lines, values = [], {}
        for owner, attribute in rng.sample(pairs, min(len(pairs), rng.randint(3, 8))):
            values[owner, attribute] = rng.randint(1, MAX_VALUE)
            lines.append(f"{owner} {attribute} = {values[owner, attribute]}.")
        given = "<|notes|> " + " ".join(lines)
    asked = []
    for (owner, attribute), value in values.items():
        question = asks[attribute].format(o=owner, i=plural, s=singular, has=has, have=have)
        level = rng.choices((0, 1, 3), (6, 1, 1))[0]
        said = str(value) if level == 0 else f"{owner} {attribute} = {value}. {ANSWER} {value}"
        asked.append((f"<|query|> {question} <|v{level}|>", said))
    rng.shuffle(asked)
    return Lookup(given, tuple(asked))
