"""Write nano's word list: control tokens, punctuation, digits, and every word that a world of any family can use.

python -m training.vocabulary
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

from sleeptime.lab.worlds import FAMILIES, generate_world, language
from sleeptime.lab.worlds.families import PEOPLE, SHIPS, TEAMS, TOWNS

CONTROL = (
    "pad", "context", "query", "notes", "answer", "end", "drill",
    *(f"v{level}" for level in range(5)), *(f"sleep{effort}" for effort in range(1, 4)),
    *(f"reserved{i}" for i in range(8)),
)  # fmt: skip
PUNCTUATION = tuple(".,?=+-*/():;")
NAMES = frozenset({*PEOPLE, *TOWNS, *SHIPS, *TEAMS})
TARGET = Path(__file__).parents[1] / "src/sleeptime/nano/vocabulary.json"


def words(worlds_per_family: int = 2_000, seed: int = 0) -> list[str]:
    """The vocabulary in id order. Deterministic for a seed."""
    rng = random.Random(seed)
    found: set[str] = set(NAMES)
    for family in FAMILIES:
        for _ in range(worlds_per_family):
            world = generate_world(family, rng)
            texts = [world.text, *language.notes(world, language.MAX_EFFORT, rng)]
            for query in world.queries:
                texts += [query.text, language.completion(world, query, 4)]
            for word in re.findall(r"[A-Za-z]+", " ".join(texts).replace(language.ANSWER, "")):
                found.add(word if word in NAMES else word.lower())
    return [*(f"<|{name}|>" for name in CONTROL), *PUNCTUATION, *"0123456789", *sorted(found)]


if __name__ == "__main__":
    vocabulary = words()
    TARGET.write_text(json.dumps(vocabulary, indent=0) + "\n")
    print(f"{len(vocabulary)} words -> {TARGET}")
