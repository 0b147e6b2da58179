"""Training rows: a tree of branches in which every token sees its own path and nothing else."""

import numpy as np
import pytest

from sleeptime.lab.worlds import HELD_OUT, TRAINING, Split
from sleeptime.nano.tokenizer import Tokenizer
from training.rows import Group, Row, Rows, Tree


def path(row: Row, index: int) -> list[int]:
    """Indices from the root to a token, by following `previous`."""
    chain = [index]
    while row.previous[0, chain[-1]]:
        chain.append(int(row.previous[0, chain[-1]]) - 1)
    return chain[::-1]


def test_a_token_sees_exactly_its_path_at_its_depth() -> None:
    rows = Rows(Tokenizer.load(), Split.TRAIN, seed=1, length=384)
    for row in [rows.world() for _ in range(5)] + [rows.drills()]:
        used = int((row.tokens > 0).sum())
        for index in range(0, used, 3):
            chain = path(row, index)
            assert np.flatnonzero(row.mask[index]).tolist() == sorted(chain)
            assert row.positions[index] == len(chain) - 1
            second = int(row.previous[1, index]) - 1
            assert second == (chain[-3] if len(chain) > 2 else -1)


def test_a_target_is_the_next_token_of_the_same_branch() -> None:
    tree = Tree(12)
    root = tree.grow(-1, [5, 6, 7], [0.0, 0.0, 0.0])
    tree.grow(root, [8, 9], [0.0, 1.0], Group.V0_ALONE)
    tree.grow(root, [8, 10], [0.0, 1.0], Group.V0_ALONE)
    row = tree.row()
    assert row.targets.tolist()[:7] == [-1, -1, -1, 9, -1, 10, -1]
    assert not row.mask[5, 3]
    assert row.mask[5, :3].all()
    assert row.branch.tolist()[:7] == [-1, -1, -1, 0, -1, 1, -1]


def test_rows_draw_from_training_families_only() -> None:
    assert not HELD_OUT & {family.name for family in TRAINING}
    rows = Rows(Tokenizer.load(), Split.TRAIN, seed=2)
    assert not HELD_OUT & {next(rows.worlds).family for _ in range(500)}


@pytest.mark.parametrize("seed", [0, 3])
def test_a_seed_gives_the_same_rows(seed: int) -> None:
    first, again = (Rows(Tokenizer.load(), Split.TRAIN, seed).world() for _ in range(2))
    assert (first.tokens == again.tokens).all()
    assert (first.mask == again.mask).all()


def test_given_notes_carry_no_loss_and_written_notes_do() -> None:
    tokenizer = Tokenizer.load()
    rows = Rows(tokenizer, Split.TRAIN, seed=4)
    given_id, written_id, has_written = tokenizer.id("<|notes|>"), tokenizer.id("<|sleep3|>"), set()
    query_id = tokenizer.id("<|query|>")
    for row in (rows.world() for _ in range(40)):
        given = int(np.flatnonzero(row.tokens == given_id)[0])
        branch = given + 1
        while row.tokens[branch] != query_id:
            assert row.targets[branch - 1] == -1
            branch += 1
        written = np.flatnonzero(row.tokens == written_id)
        has_written.add(bool(written.size))
        if written.size:
            assert row.targets[written[0]] == row.tokens[written[0] + 1]
    assert has_written == {True, False}


def test_disturbed_notes_miss_lines_or_have_one_wrong() -> None:
    rows = Rows(Tokenizer.load(), Split.TRAIN, seed=5)
    lines = [f"Tom apples = {n} + 1 = {n + 1}." for n in range(10, 20)]
    drawn = [rows._disturbed(lines) for _ in range(200)]
    assert any(len(kept) < len(lines) for kept, _ in drawn)
    assert all(set(kept) <= set(lines) for kept, wrong in drawn if not wrong)
    assert all(len(set(kept) - set(lines)) == 1 for kept, wrong in drawn if wrong)
    assert any(wrong for _, wrong in drawn)
