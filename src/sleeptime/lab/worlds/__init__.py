"""Generated stateful problems: a context of base facts, derivable quantities, natural questions, and the truth of each.

A world is drawn from a family (`families.py`) by `generate.py`; `language.py` writes it down in the words that nano
learns. Nothing here is copied from a data set: every sentence is assembled from our own templates.
"""

from sleeptime.lab.worlds.families import FAMILIES, HELD_OUT, TRAINING, Family
from sleeptime.lab.worlds.generate import Split, generate_world, generate_worlds
from sleeptime.lab.worlds.world import Operation, Quantity, Query, Step, World

__all__ = [
    "FAMILIES",
    "HELD_OUT",
    "TRAINING",
    "Family",
    "Operation",
    "Quantity",
    "Query",
    "Split",
    "Step",
    "World",
    "generate_world",
    "generate_worlds",
]
