"""Training rows: each one a tree of token branches over one context, with its mask, positions and targets.

One context is paid for once and serves its notes and many queries, some of which see the notes. Rows of plain
arithmetic ("drills") and of look-ups are trees of many roots.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from sleeptime.lab.worlds import TRAINING, Query, Split, World, generate_worlds, language
from sleeptime.nano.tokenizer import Tokenizer
from training.lookups import draw_lookup
from training.recipe import GAPS, STAGES, Stage

QUERY_WEIGHT = 0.1
"""Weight of the loss on the query itself, which teaches log P(q | c); the answers weigh 1."""


class Group(IntEnum):
    """What a branch trains, for exact-match figures by kind."""

    OTHER = 0
    DRILL = 1
    NOTES = 2
    V0_ALONE = 3
    V0_NOTES = 4
    V3_ALONE = 5
    V3_NOTES = 6
    V4 = 7
    LOOKUP = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One row of length T.

    tokens (T,), positions (T,), previous (2, T) as index + 1 with 0 for none, mask (T, T), targets (T,) with -1 for no
    loss, weights (T,), branch (T,) id of the scored branch or -1, groups: group of each scored branch.
    """

    tokens: np.ndarray
    positions: np.ndarray
    previous: np.ndarray
    mask: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    branch: np.ndarray
    groups: tuple[Group, ...]


class Tree:
    """Fills one row branch by branch."""

    def __init__(self, length: int) -> None:
        self.length, self.used = length, 0
        self.tokens = np.zeros(length, np.int64)
        self.positions = np.zeros(length, np.int64)
        self.previous = np.zeros((2, length), np.int64)
        self.mask = np.eye(length, dtype=bool)
        self.targets = np.full(length, -1, np.int64)
        self.weights = np.zeros(length, np.float32)
        self.branch = np.full(length, -1, np.int64)
        self.groups: list[Group] = []

    def fits(self, count: int) -> bool:
        return self.used + count <= self.length

    def grow(self, parent: int, tokens: list[int], weights: list[float], group: Group = Group.OTHER) -> int:
        """Add a branch below the token at index `parent` (-1: a root); returns the index of its last token.

        `weights[i]` is the loss weight of predicting tokens[i]; that of the first token is ignored.
        """
        start, end = self.used, self.used + len(tokens)
        self.tokens[start:end] = tokens
        base = self.positions[parent] + 1 if parent >= 0 else 0
        self.positions[start:end] = np.arange(base, base + len(tokens))
        if parent >= 0:
            self.mask[start:end] |= self.mask[parent]
        self.mask[start:end, start:end] |= np.tril(np.ones((len(tokens), len(tokens)), bool))
        self.previous[0, start:end] = [parent + 1, *range(start + 1, end)]
        grand = self.previous[0, parent] if parent >= 0 else 0
        self.previous[1, start:end] = [grand, *self.previous[0, start : end - 1]]
        self.targets[start : end - 1] = np.where(np.asarray(weights[1:]) > 0, tokens[1:], -1)
        self.weights[start : end - 1] = weights[1:]
        if group is not Group.OTHER:
            scored = np.asarray(weights[1:]) >= 1
            self.branch[start : end - 1][scored] = len(self.groups)
            self.groups.append(group)
        self.used = end
        return end - 1

    def row(self) -> Row:
        return Row(self.tokens, self.positions, self.previous, self.mask, self.targets, self.weights, self.branch,
                   tuple(self.groups))  # fmt: skip


class Drawn(NamedTuple):
    """Relative share in which a query is drawn, and the ratio of its true share to it (importance weight)."""

    drawn: float
    ratio: float


class Rows:
    """Draws rows of a stage, which may be changed between rows. Deterministic for a seed."""

    def __init__(
        self, tokenizer: Tokenizer, split: Split, seed: int, length: int = 512, stage: Stage = STAGES[0]
    ) -> None:
        self.tokenizer, self.length, self.stage = tokenizer, length, stage
        self.rng = random.Random(f"rows:{split}:{seed}")
        self.worlds: Iterator[World] = generate_worlds(split, seed, TRAINING)

    def drills(self) -> Row:
        """A row of independent arithmetic lines; only the results are trained."""
        tree = Tree(self.length)
        while True:
            prompt, result = language.drill(self.rng).split("= ")
            head, tail = self._encode(f"<|drill|> {prompt} ="), self._encode(result)
            if not tree.fits(len(head) + len(tail)):
                return tree.row()
            tree.grow(-1, head + tail, [0.0] * len(head) + [1.0] * len(tail), Group.DRILL)

    def lookups(self) -> Row:
        """A row of independent look-ups: what is given, and every question below it."""
        tree, end = Tree(self.length), [self.tokenizer.id("<|end|>")]
        while True:
            lookup = draw_lookup(self.rng)
            given = self._encode(lookup.given)
            asked = [(self._encode(query), self._encode(said) + end) for query, said in lookup.asked]
            if not tree.fits(len(given) + sum(len(query) + len(said) for query, said in asked)):
                return tree.row()
            root = tree.grow(-1, given, [0.0] * len(given))
            for query, said in asked:
                tree.grow(root, query + said, [0.0] * len(query) + [1.0] * len(said), Group.LOOKUP)

    def world(self) -> Row:
        """A row of one world: context, notes, and queries with and without the notes."""
        world, rng, tree = self._draw_world(), self.rng, Tree(self.length)
        shares = self._query_shares(world)
        context = self._encode(f"<|context|> {world.text}")
        root = tree.grow(-1, context, [0.0] * len(context))
        noted, known, wrong = self._notes(tree, root, world)
        while True:
            query, share = rng.choices(list(zip(world.queries, shares, strict=True)), [s.drawn for s in shares])[0]
            sees_notes = rng.random() < 0.6
            level = rng.choices(range(5), self.stage.with_notes if sees_notes else self.stage.alone)[0]
            if sees_notes and level < 4 and wrong & {query.step.name, *(s.name for s in world.steps(query))}:
                continue
            text = language.completion(world, query, level, known if sees_notes else frozenset())
            asked = self._encode(f"<|query|> {query.text}")
            answer = [self.tokenizer.id(f"<|v{level}|>"), *self._encode(text), self.tokenizer.id("<|end|>")]
            if not tree.fits(len(asked) + len(answer)):
                return tree.row()
            weights = [QUERY_WEIGHT * share.ratio] * len(asked) + [0.0] + [1.0] * (len(answer) - 1)
            tree.grow(noted if sees_notes else root, asked + answer, weights, _group(level, sees_notes))

    def _notes(self, tree: Tree, root: int, world: World) -> tuple[int, frozenset[str], set[str]]:
        """Grow a branch of given notes: index of its last token, the names it holds, and the names it has wrong.

        A branch of notes to be written, which is trained, goes before it in the stage's share of rows.
        """
        rng, effort = self.rng, self.rng.choices((1, 2, 3), (2, 2, 6))[0]
        lines = language.notes(world, effort, rng if rng.random() < self.stage.shuffled else None)
        if rng.random() < self.stage.written:
            end = [self.tokenizer.id("<|end|>")]
            tokens = self._encode(f"<|sleep{effort}|> {' '.join(lines)}") + end
            tree.grow(root, tokens, [0.0] + [1.0] * (len(tokens) - 1), Group.NOTES)
        wrong: set[str] = set()
        if rng.random() < 0.5:
            lines, wrong = self._disturbed(lines)
        served = [language.brief(text) for text in lines] if rng.random() < 0.85 else lines
        tokens = self._encode(f"<|notes|> {' '.join(served)}")
        return tree.grow(root, tokens, [0.0] * len(tokens)), _names(lines), wrong

    def _disturbed(self, lines: list[str]) -> tuple[list[str], set[str]]:
        """Notes as drafts leave them: incomplete, out of order, sometimes wrong in a line."""
        rng = self.rng
        gaps = rng.choices(GAPS, self.stage.gaps)[0]
        kept = [text for text in lines if rng.random() >= gaps]
        if rng.random() < 0.4:
            rng.shuffle(kept)
        wrong: set[str] = set()
        if rng.random() < 0.25 and kept:
            at = rng.randrange(len(kept))
            head, sep, value = kept[at].rpartition(" = ")
            if sep and value[:-1].isdigit():
                number = max(1, min(999, int(value[:-1]) + rng.choice((-100, -10, -1, 1, 10, 100))))
                if f"{number}." != value:
                    kept[at] = f"{head} = {number}."
                    wrong.add(head.split(" = ")[0])
        return kept, wrong

    def _draw_world(self) -> World:
        """The next world; in a hard stage, half of the time the deeper of the next two."""
        world = next(self.worlds)
        if self.stage.is_hard and self.rng.random() < 0.5:
            world = max(world, next(self.worlds), key=lambda world: max(map(world.depth, world.queries)))
        return world

    def _query_shares(self, world: World) -> list[Drawn]:
        """How often each query is drawn, and by what its own tokens count so that log P(q | c) stays unbiased."""
        likely = [query.weight for query in world.queries]
        drawn = [_need(world, query) for query in world.queries] if self.stage.is_hard else likely
        scale = sum(drawn) / sum(likely)
        return [Drawn(share, scale * weight / share) for share, weight in zip(drawn, likely, strict=True)]

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, allow_control=True)


def _need(world: World, query: Query) -> float:
    """Deep queries, and those with a number of their own, are learnt last."""
    return world.depth(query) * (1.0 if query.own_number is None else 2.0)


def _names(lines: list[str]) -> frozenset[str]:
    return frozenset(text.split(" = ")[0] for text in lines)


def _group(level: int, sees_notes: bool) -> Group:
    match level:
        case 0:
            return Group.V0_NOTES if sees_notes else Group.V0_ALONE
        case 3:
            return Group.V3_NOTES if sees_notes else Group.V3_ALONE
        case 4:
            return Group.V4
        case _:
            return Group.OTHER
