"""World families: who owns what, in which words, and which quantities follow.

A family is data. `generate.py` draws worlds from it. Sentences use these fields: `{o}` and `{p}` owners, `{n}` a
number, `{s}` and `{i}` the item in singular and plural, `{has}` and `{have}` the family's verb.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sleeptime.lab.worlds.world import Operation

PEOPLE = ("Mia", "Tom", "Ben", "Ada")
TOWNS = ("Oakton", "Milford", "Ashby", "Hillside")
SHIPS = ("Aurora", "Falcon", "Neptune", "Comet")
TEAMS = ("Lions", "Tigers", "Bears", "Wolves")


@dataclass(frozen=True, slots=True)
class Feature:
    """A quantity that follows from another one.

    Attributes:
        attribute: word that names it, beside its owner ("Tom cost").
        sentence: how the context states its number; with `{o}` in it, it is about one owner, else about every owner.
        operation: what is done; with `reverse`, the number stands on the left ("paid 100, cost 60").
        of: the attribute it is computed from, "items" for the counted items themselves.
        ask: the question; own: the question that brings a number of its own, "" when there is none.
        low, high: range of the number (of the result's surplus when `reverse`).
    """

    attribute: str
    sentence: str
    operation: Operation
    ask: str
    own: str = ""
    of: str = "items"
    low: int = 2
    high: int = 9
    reverse: bool = False
    weight: float = 2.0

    @property
    def is_for_one(self) -> bool:
        """True when the context states it about a single owner."""
        return "{o}" in self.sentence


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of scenario."""

    name: str
    owners: tuple[str, ...]
    items: tuple[tuple[str, str], ...]
    verb: tuple[str, str]
    features: tuple[Feature, ...]
    containers: tuple[tuple[str, str], ...] = ()
    shape: Literal["chain", "star", "mixed"] = "mixed"
    high: int = 60


ADD, SUBTRACT, MULTIPLY, DIVIDE = Operation.ADD, Operation.SUBTRACT, Operation.MULTIPLY, Operation.DIVIDE

COST = Feature(
    "cost", "Each {s} costs {n} coins.", MULTIPLY,
    "How many coins do the {i} of {o} cost?",
    "If each {s} costs {n} coins, how many coins do the {i} of {o} cost?", weight=4,
)  # fmt: skip
CHANGE = Feature(
    "change", "{o} pays with {n} coins.", SUBTRACT,
    "How many coins does {o} get back?",
    "If {o} pays with {n} coins, how many coins does {o} get back?", of="cost", low=3, high=90, reverse=True, weight=3,
)  # fmt: skip
SOLD = Feature(
    "left", "{o} sells {n} {i}.", SUBTRACT,
    "How many {i} does {o} have left?",
    "If {o} sells {n} {i}, how many {i} are left?", low=2, high=40, weight=3,
)  # fmt: skip
BROKEN = Feature(
    "left", "{n} {i} of {o} break.", SUBTRACT,
    "How many {i} of {o} are still whole?",
    "If {n} {i} of {o} break, how many are still whole?", low=2, high=40, weight=3,
)  # fmt: skip
GIVEN = Feature(
    "left", "{o} gives {n} {i} away.", SUBTRACT,
    "How many {i} does {o} still have?",
    "If {o} gives {n} {i} away, how many {i} does {o} still have?", low=2, high=40, weight=3,
)  # fmt: skip
BAGS = Feature(
    "share", "{o} splits what is left over {n} bags.", DIVIDE,
    "How many {i} does {o} put into each bag?", of="left",
)  # fmt: skip
SHELVES = Feature(
    "share", "{o} puts what is left on {n} shelves.", DIVIDE,
    "How many {i} stand on each shelf of {o}?", of="left",
)  # fmt: skip
FRIENDS = Feature(
    "share", "{o} shares all {i} with {n} friends evenly.", DIVIDE,
    "How many {i} does each friend of {o} get?",
    "If {o} shares all {i} with {n} friends evenly, how many {i} does each friend get?", weight=3,
)  # fmt: skip
DAYS = Feature(
    "total", "This goes on for {n} days.", MULTIPLY,
    "How many {i} does {o} count after all days?",
    "How many {i} does {o} count after {n} days?", weight=3,
)  # fmt: skip
WEEKS = Feature(
    "total", "This is the same in each of {n} weeks.", MULTIPLY,
    "How many {i} is that for {o} after all weeks?",
    "How many {i} is that for {o} after {n} weeks?", weight=3,
)  # fmt: skip
WATER = Feature(
    "water", "Each {s} needs {n} cups of water.", MULTIPLY,
    "How many cups of water do the {i} of {o} need?",
    "If each {s} needs {n} cups of water, how many cups do the {i} of {o} need?", weight=3,
)  # fmt: skip
WEIGHT = Feature(
    "weight", "Each {s} weighs {n} pounds.", MULTIPLY,
    "How many pounds do the {i} of {o} weigh?",
    "If each {s} weighs {n} pounds, how many pounds do the {i} of {o} weigh?", weight=3,
)  # fmt: skip
BONUS = Feature(
    "score", "A bonus of {n} {i} goes to {o}.", ADD,
    "How many {i} does {o} have with the bonus?",
    "With a bonus of {n} {i}, how many {i} does {o} have?", low=3, high=90, weight=3,
)  # fmt: skip
PENALTY = Feature(
    "left", "{o} loses {n} {i} for a fault.", SUBTRACT,
    "How many {i} does {o} have after the fault?",
    "If {o} loses {n} {i} for a fault, how many {i} does {o} have?", low=2, high=30, weight=2,
)  # fmt: skip
PRIZE = Feature(
    "prize", "Each {s} is worth {n} dollars.", MULTIPLY,
    "How many dollars does {o} win?",
    "If each {s} is worth {n} dollars, how many dollars does {o} win?", weight=2,
)  # fmt: skip
SPENT = Feature(
    "rest", "{o} spends {n} {i} at the end.", SUBTRACT,
    "How many {i} does {o} have at the end?",
    "If {o} spends {n} {i} at the end, how many {i} does {o} have?", of="total", low=2, high=60, weight=3,
)  # fmt: skip
FUEL = Feature(
    "fuel", "A gallon lasts {o} for {n} miles.", DIVIDE,
    "How many gallons does {o} use?", of="total", weight=2,
)  # fmt: skip
GOAL = Feature(
    "rest", "The goal of {o} is {n} {i}.", SUBTRACT,
    "How many {i} are missing to the goal of {o}?",
    "If the goal of {o} is {n} {i}, how many are missing?", of="total", low=3, high=120, reverse=True, weight=3,
)  # fmt: skip
STAMPS = Feature(
    "cost", "Each {s} needs stamps for {n} coins.", MULTIPLY,
    "How many coins do the stamps of {o} cost?",
    "If each {s} needs stamps for {n} coins, how many coins do the stamps of {o} cost?", weight=3,
)  # fmt: skip
CARS = Feature(
    "share", "{o} spreads the {i} over {n} cars evenly.", DIVIDE,
    "How many {i} of {o} are in each car?",
    "If {o} spreads the {i} over {n} cars evenly, how many are in each car?", weight=3,
)  # fmt: skip
ARRIVED = Feature(
    "sum", "{n} more {i} come to {o}.", ADD,
    "How many {i} are there when more come to {o}?",
    "If {n} more {i} come to {o}, how many {i} are there?", low=3, high=90, weight=2,
)  # fmt: skip
WAGE = Feature(
    "pay", "{o} is paid {n} dollars for each {s}.", MULTIPLY,
    "How many dollars is {o} paid?",
    "If {o} is paid {n} dollars for each {s}, how many dollars is {o} paid?", weight=3,
)  # fmt: skip
TAX = Feature(
    "net", "{o} pays {n} dollars of it as tax.", SUBTRACT,
    "How many dollars does {o} have after tax?", of="pay", low=2, high=60, weight=2,
)  # fmt: skip

BOX, BAG, BASKET, TRAY, CRATE = (
    ("box", "boxes"),
    ("bag", "bags"),
    ("basket", "baskets"),
    ("tray", "trays"),
    ("crate", "crates"),
)

FAMILIES: tuple[Family, ...] = (
    Family("market", PEOPLE, (("apple", "apples"), ("pear", "pears"), ("plum", "plums"), ("melon", "melons")),
           ("has", "have"), (COST, CHANGE), (BOX, BAG)),
    Family("farm", PEOPLE, (("egg", "eggs"), ("carrot", "carrots"), ("potato", "potatoes")),
           ("collects", "collect"), (SOLD, BAGS), (BASKET, CRATE), "chain"),
    Family("bakery", PEOPLE, (("loaf", "loaves"), ("roll", "rolls"), ("cake", "cakes")),
           ("bakes", "bake"), (DAYS, COST), (TRAY,), "star"),
    Family("library", TOWNS, (("book", "books"), ("map", "maps"), ("novel", "novels")),
           ("keeps", "keep"), (GIVEN, SHELVES), (BOX,), "chain"),
    Family("school", PEOPLE, (("pencil", "pencils"), ("pen", "pens"), ("notebook", "notebooks")),
           ("orders", "order"), (FRIENDS, COST), (BOX,)),
    Family("garden", PEOPLE, (("rose", "roses"), ("tulip", "tulips"), ("bush", "bushes")),
           ("plants", "plant"), (WATER, GIVEN), (("row", "rows"),)),
    Family("harbour", SHIPS, (("barrel", "barrels"), ("sack", "sacks"), ("chest", "chests")),
           ("carries", "carry"), (WEIGHT, ARRIVED), (), "chain"),
    Family("railway", TOWNS, (("passenger", "passengers"), ("worker", "workers")),
           ("sends", "send"), (CARS, ARRIVED), (("train", "trains"),)),
    Family("factory", TOWNS, (("lamp", "lamps"), ("chair", "chairs"), ("table", "tables")),
           ("makes", "make"), (BROKEN, SHELVES), (CRATE, BOX), "star"),
    Family("kitchen", PEOPLE, (("cookie", "cookies"), ("pie", "pies"), ("muffin", "muffins")),
           ("prepares", "prepare"), (FRIENDS, GIVEN), (TRAY,)),
    Family("league", TEAMS, (("point", "points"), ("goal", "goals")),
           ("scores", "score"), (BONUS, PENALTY, PRIZE), (), "mixed"),
    Family("savings", PEOPLE, (("coin", "coins"), ("dollar", "dollars")),
           ("saves", "save"), (WEEKS, SPENT), (("jar", "jars"),), "star", 40),
    Family("travel", PEOPLE, (("mile", "miles"),),
           ("rides", "ride"), (DAYS, FUEL), (), "chain", 40),
    Family("reading", PEOPLE, (("page", "pages"), ("chapter", "chapters")),
           ("reads", "read"), (WEEKS, GOAL), (), "star", 40),
    Family("post", TOWNS, (("letter", "letters"), ("parcel", "parcels")),
           ("mails", "mail"), (STAMPS, ARRIVED), (BAG, CRATE), "mixed"),
    Family("orchard", PEOPLE, (("cherry", "cherries"), ("lemon", "lemons"), ("peach", "peaches")),
           ("picks", "pick"), (WAGE, TAX, SOLD), (BASKET,), "mixed", 50),
    # Held out from training for good: new combinations of words and relations that other families teach.
    Family("camp", PEOPLE, (("loaf", "loaves"), ("sack", "sacks"), ("pencil", "pencils")),
           ("carries", "carry"), (WEIGHT, FRIENDS), (BAG,), "mixed"),
    Family("fair", TEAMS, (("cake", "cakes"), ("tulip", "tulips"), ("pear", "pears")),
           ("prepares", "prepare"), (SOLD, PRIZE), (TRAY,), "chain"),
    Family("depot", TOWNS, (("barrel", "barrels"), ("table", "tables"), ("parcel", "parcels")),
           ("keeps", "keep"), (DAYS, CARS), (CRATE,), "star"),
)  # fmt: skip

HELD_OUT = frozenset({"camp", "fair", "depot"})
"""Families that no training script may ever draw from."""

TRAINING = tuple(family for family in FAMILIES if family.name not in HELD_OUT)
