"""The recipe of nano: a schedule without gaps, and a mix of rows that leaves log P(q | c) as it is."""

import pytest

from sleeptime.lab.worlds import Split
from sleeptime.nano.tokenizer import Tokenizer
from training.recipe import END, STAGES, Stage, stage_at
from training.rows import Rows


@pytest.mark.parametrize("stage", STAGES)
def test_the_rate_warms_up_and_falls_to_its_end(stage: Stage) -> None:
    rates = [stage.rate(step / 1_000) for step in range(1_001)]
    assert rates[0] < 0.1 * stage.peak
    assert max(rates) == pytest.approx(stage.peak)
    assert rates[-1] == pytest.approx(END * stage.peak)
    after = rates[int(1_000 * stage.constant_to) + 1 :]
    assert after == sorted(after, reverse=True)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("progress", [0.0, 0.02, 0.5, 0.999, 1.0])
def test_easy_rows_are_a_share_at_every_moment(stage: Stage, progress: float) -> None:
    drills, lookups = stage.easy_shares(progress)
    assert drills > 0 < lookups
    assert drills + lookups < 1


def test_stages_follow_each_other_and_the_last_holds_to_the_end() -> None:
    assert [stage_at(progress) for progress in (0.0, 0.25, 0.5, 1.0)] == [
        (STAGES[0], 0.0),
        (STAGES[0], 0.5),
        (STAGES[1], 0.0),
        (STAGES[1], 1.0),
    ]
    assert stage_at(1.0, count=1) == (STAGES[0], 1.0)


def test_queries_that_are_drawn_more_often_count_less_by_the_same_factor() -> None:
    rows = Rows(Tokenizer.load(), Split.TRAIN, seed=6, stage=STAGES[1])
    world = next(rows.worlds)
    shares = rows._query_shares(world)
    drawn, likely = sum(share.drawn for share in shares), sum(query.weight for query in world.queries)
    for query, share in zip(world.queries, shares, strict=True):
        assert share.drawn / drawn * share.ratio == pytest.approx(query.weight / likely)
    assert {share.ratio for share in Rows(Tokenizer.load(), Split.TRAIN, seed=6)._query_shares(world)} == {1.0}


def test_hard_stages_ask_deeper_queries() -> None:
    def mean_depth(stage: Stage) -> float:
        rows = Rows(Tokenizer.load(), Split.TRAIN, seed=7, stage=stage)
        depths = []
        for world in (rows._draw_world() for _ in range(100)):
            shares = rows._query_shares(world)
            total = sum(share.drawn for share in shares)
            depths.append(sum(s.drawn / total * world.depth(q) for s, q in zip(shares, world.queries, strict=True)))
        return sum(depths) / len(depths)

    assert mean_depth(STAGES[1]) > mean_depth(STAGES[0]) + 0.3
