"""lab.datasets.worlds: problems from worlds, their dials, and that nothing leaks."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.answers import Grade, grade
from sleeptime.lab.datasets.jsonl import context_id_of, write_problems
from sleeptime.lab.datasets.leaks import leaking_pairs
from sleeptime.lab.datasets.selection import choose_problems
from sleeptime.lab.datasets.worlds import Predictability, WorldDials, WorldSet, draw_queries, set_of, world_problems
from sleeptime.lab.problem import Problem
from sleeptime.lab.worlds import HELD_OUT, TRAINING, Split, generate_worlds
from sleeptime.lab.worlds.world import World


def problems(**dials: Any) -> list[Problem]:
    return list(world_problems(replace(WorldDials(contexts=40), **dials)))


def normal(text: str) -> str:
    """A context without what a copy might change: case, white space and punctuation."""
    return re.sub(r"\W+", " ", text.lower()).strip()


def test_each_context_has_as_many_queries_as_asked_for() -> None:
    for queries in (1, 5):
        found = problems(queries=queries)
        assert Counter(problem.context_id for problem in found) == {p.context_id: queries for p in found}
        assert len(found) == 40 * queries
        assert len({problem.id for problem in found}) == len(found)
        assert [key for key, _ in groupby(found, key=lambda problem: problem.context_id)] == list(
            dict.fromkeys(problem.context_id for problem in found)
        )


def test_the_true_answer_is_what_the_world_computes() -> None:
    worlds = {world.text: world for world in islice(generate_worlds(Split.TEST, 0, TRAINING), 60)}
    found = [problem for problem in problems(queries=3) if problem.context in worlds]
    assert len(found) > 100
    for problem in found:
        world = worlds[problem.context]
        (query,) = (query for query in world.queries if query.text == problem.query)
        assert grade(problem.source, f"so it is {world.answer(query)}", problem.answer) is Grade.RIGHT
        assert problem.tags["depth"] == world.depth(query)
        assert problem.tags["family"] == world.family == problem.source.removeprefix("worlds:")


def test_the_same_dials_give_the_same_problems_and_another_seed_others() -> None:
    assert problems(seed=3, queries=2) == problems(seed=3, queries=2)
    assert not {p.context_id for p in problems(seed=3)} & {p.context_id for p in problems(seed=4)}


def test_difficulty_is_a_dial() -> None:
    assert {problem.tags["depth"] for problem in problems(min_depth=3, max_depth=4)} == {3, 4}


@pytest.mark.parametrize(
    ("kind", "likely", "own_number"),
    [
        (Predictability.LIKELY, {True}, {False}),
        (Predictability.UNLIKELY, {False}, {False}),
        (Predictability.OWN_NUMBER, {False}, {True}),
        (Predictability.ANY, {True, False}, {True, False}),
    ],
)
def test_predictability_is_a_dial(kind: Predictability, likely: set[bool], own_number: set[bool]) -> None:
    found = problems(predictability=kind, queries=2)
    assert {problem.tags["likely"] for problem in found} == likely
    assert {problem.tags["own_number"] for problem in found} == own_number


def test_likely_queries_are_drawn_more_often_in_proportion_to_their_weight() -> None:
    world = next(generate_worlds(Split.TEST, 0, TRAINING))
    rng, draws = random.Random(0), 20_000
    first = Counter(draw_queries(world.queries, 1, rng)[0].text for _ in range(draws))
    total = sum(query.weight for query in world.queries)
    by_text: Counter[str] = Counter()
    for query in world.queries:
        by_text[query.text] += query.weight  # type: ignore[assignment]  # weights are not whole
    for text, weight in by_text.items():
        share = weight / total
        # Six standard errors: false alarm below 1e-7 for all queries together.
        assert abs(first[text] / draws - share) < 6 * (share * (1 - share) / draws) ** 0.5


def test_drawn_queries_are_different_and_no_more_than_there_are() -> None:
    world = next(generate_worlds(Split.TEST, 1, TRAINING))
    drawn = draw_queries(world.queries, 1_000, random.Random(0))
    assert sorted(map(id, drawn)) == sorted(map(id, world.queries))


def test_a_kind_of_query_that_no_world_has_is_a_clear_error() -> None:
    with pytest.raises(InputError, match="no world has 50 own-number queries"):
        problems(queries=50, predictability=Predictability.OWN_NUMBER)


@pytest.mark.parametrize("dials", [{"contexts": 0}, {"queries": 0}, {"min_depth": 0}, {"min_depth": 4, "max_depth": 3}])
def test_dials_out_of_range_are_errors(dials: dict[str, int]) -> None:
    with pytest.raises(InputError):
        WorldDials(**dials)  # type: ignore[arg-type]  # which are all ints


def test_no_context_of_a_test_set_stands_in_the_training_stream() -> None:
    trained = list(islice(generate_worlds(Split.TRAIN, 0, TRAINING), 2_000))
    digests, texts = {context_id_of(world.text) for world in trained}, {normal(world.text) for world in trained}
    for which in (WorldSet.VALIDATION, WorldSet.TEST, WorldSet.HELD_OUT):
        found = problems(which=which, contexts=150)
        assert not {problem.context_id for problem in found} & digests
        assert not {normal(problem.context) for problem in found} & texts


def test_the_check_for_leaks_into_training_can_fail() -> None:
    trained = {context_id_of(world.text) for world in islice(generate_worlds(Split.TRAIN, 0, TRAINING), 60)}
    assert {problem.context_id for problem in problems(which=WorldSet.TRAIN)} <= trained


def test_held_out_families_stand_in_no_other_set() -> None:
    families = {which: {problem.tags["family"] for problem in problems(which=which, contexts=60)} for which in WorldSet}
    assert families[WorldSet.HELD_OUT] == HELD_OUT
    assert not HELD_OUT & (families[WorldSet.TRAIN] | families[WorldSet.VALIDATION] | families[WorldSet.TEST])


def test_a_set_is_told_from_its_problems_alone() -> None:
    assert [set_of(problems(which=which, contexts=2)) for which in WorldSet] == list(WorldSet)
    assert set_of(problems(which=WorldSet.TEST, contexts=2) + problems(which=WorldSet.HELD_OUT, contexts=2)) is None
    assert set_of([replace(problem, source="mine") for problem in problems(contexts=2)]) is None
    assert set_of([replace(problem, tags={"set": "another"}) for problem in problems(contexts=2)]) is None
    assert set_of([]) is None


def test_a_run_plays_the_worlds_of_the_split_that_is_named(tmp_path: Path) -> None:
    families = {problem.tags["family"] for problem in choose_problems(None, 20, which=WorldSet.HELD_OUT)}
    assert families == HELD_OUT
    assert choose_problems(None, 3) == choose_problems(None, 3, which=WorldSet.TEST)
    write_problems(tmp_path / "mine.jsonl", problems(contexts=2))
    with pytest.raises(InputError, match=r"--split chooses among generated worlds, and .*mine\.jsonl is a file"):
        choose_problems(tmp_path / "mine.jsonl", None, which=WorldSet.HELD_OUT)


def test_no_question_gives_away_the_answer_of_another() -> None:
    assert leaking_pairs(problems(queries=10, contexts=100)) == []


def test_queries_that_were_not_checked_do_leak() -> None:
    def unchecked(world: World) -> list[Problem]:
        return [
            Problem(f"{index}-{world.text}", world.text, query.text, str(world.answer(query)), "worlds:x", world.text)
            for index, query in enumerate(world.queries)
        ]

    worlds = islice(generate_worlds(Split.TEST, 0, TRAINING), 150)
    assert leaking_pairs([problem for world in worlds for problem in unchecked(world)])
