"""Worlds: their truth, their splits and their words."""

import random
import re
from itertools import islice

import pytest

from sleeptime.lab.worlds import (
    FAMILIES,
    HELD_OUT,
    TRAINING,
    Family,
    Operation,
    Split,
    generate_world,
    generate_worlds,
    language,
)
from sleeptime.lab.worlds.generate import split_of
from sleeptime.nano.tokenizer import Tokenizer

EQUATION = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")


def holds(left: str, operation: str, right: str, value: str) -> bool:
    """An equation, checked without the module under test."""
    a, b, c = int(left), int(right), int(value)
    return {"+": a + b == c, "-": a - b == c, "*": a * b == c, "/": b * c == a}[operation]


def test_sixteen_families_are_trained_and_three_are_held_out() -> None:
    assert len(TRAINING) == 16
    assert {family.name for family in FAMILIES} - {family.name for family in TRAINING} == HELD_OUT
    assert len(HELD_OUT) == 3
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_written_equation_holds_and_ends_in_the_answer(family: Family) -> None:
    rng = random.Random(7)
    for _ in range(50):
        world = generate_world(family, rng)
        assert 4 <= len(world.derived) <= 10
        assert all(1 <= quantity.value <= 999 for quantity in world.quantities)
        for note in language.notes(world, 2, rng):
            assert all(holds(*found) for found in EQUATION.findall(note))
            assert EQUATION.search(note)
        for query in world.queries:
            for verbosity in (3, 4):
                text = language.completion(world, query, verbosity)
                equations = EQUATION.findall(text)
                assert equations
                assert all(holds(*found) for found in equations)
                assert text.rpartition(" ")[2] == str(world.answer(query))
            assert language.completion(world, query, 0) == str(world.answer(query))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_base_facts_stand_in_the_text_and_no_derived_value_is_needed_to_read_it(family: Family) -> None:
    rng = random.Random(11)
    for _ in range(50):
        world = generate_world(family, rng)
        numbers = {int(number) for number in re.findall(r"\d+", world.text)}
        assert all(quantity.value in numbers for quantity in world.quantities if quantity.step is None)
        known = {quantity.name for quantity in world.quantities if quantity.step is None}
        for quantity in world.derived:
            assert quantity.step is not None
            assert set(quantity.step.needs) <= known
            known.add(quantity.name)


def test_queries_reach_depths_of_one_to_six_and_some_bring_their_own_number() -> None:
    worlds = list(islice(generate_worlds(Split.TEST, 3, FAMILIES), 1_000))
    depths = {world.depth(query) for world in worlds for query in world.queries}
    assert {1, 2, 3, 4, 5} <= depths <= {1, 2, 3, 4, 5, 6}
    own = [query for world in worlds for query in world.queries if query.own_number is not None]
    assert own
    assert all(query.function and str(query.own_number) in query.text for query in own)
    assert {query.weight for world in worlds for query in world.queries} >= {0.3, 4}


def test_a_function_note_answers_the_query_that_brings_a_number() -> None:
    for world in islice(generate_worlds(Split.TEST, 5, FAMILIES), 200):
        functions = {step.name: step for step in world.functions}
        for query in world.queries:
            if query.own_number is None:
                continue
            note = language.function_line(world, functions[query.function])
            left, operation, right = note.rstrip(".").split(" = ")[1].split(" ")
            a, b = (query.own_number if operand == "n" else int(operand) for operand in (left, right))
            assert Operation(operation).apply(a, b) == world.answer(query)


def test_a_seed_gives_the_same_worlds_and_another_seed_gives_others() -> None:
    first, again, other = ([w.text for w in islice(generate_worlds(Split.TEST, s, FAMILIES), 20)] for s in (1, 1, 2))
    assert first == again
    assert not set(first) & set(other)


def test_no_context_can_belong_to_two_splits() -> None:
    for split in Split:
        assert all(split_of(world.text) is split for world in islice(generate_worlds(split, 0, TRAINING), 50))


def test_held_out_families_use_no_word_that_training_families_lack() -> None:
    def words(families: tuple[Family, ...]) -> set[str]:
        rng = random.Random(0)
        texts = [text for family in families for _ in range(300) for text in _texts(family, rng)]
        return {word.lower() for text in texts for word in re.findall(r"[A-Za-z]+", text)}

    assert words(tuple(family for family in FAMILIES if family.name in HELD_OUT)) <= words(TRAINING)


def test_nano_reads_and_writes_every_text_of_every_family() -> None:
    tokenizer, rng = Tokenizer.load(), random.Random(5)
    for family in FAMILIES:
        for _ in range(30):
            for text in _texts(family, rng):
                assert tokenizer.decode(tokenizer.encode(text)).lower() == text.lower()


def test_notes_of_effort_one_hold_the_likely_quantities_and_effort_three_everything() -> None:
    rng = random.Random(2)
    for world in islice(generate_worlds(Split.TEST, 9, FAMILIES), 100):
        first, second, third = (language.notes(world, effort, rng) for effort in (1, 2, 3))
        assert world.likely <= {note.split(" = ")[0] for note in first}
        assert len(first) <= len(second) == len(world.derived)
        assert len(third) == len(second) + len(world.functions)


def test_notes_without_a_generator_follow_the_text_and_say_the_same() -> None:
    rng = random.Random(3)
    for world in islice(generate_worlds(Split.TEST, 8, FAMILIES), 50):
        order = [quantity.name for quantity in world.derived]
        for effort in (1, 2, 3):
            told = language.notes(world, effort)
            assert sorted(told) == sorted(language.notes(world, effort, rng))
            names = [note.split(" = ")[0] for note in told if note.split(" = ")[0] in order]
            assert names == sorted(names, key=order.index)


def test_drills_are_true_and_stay_within_three_digits() -> None:
    rng = random.Random(1)
    lines = [language.drill(rng) for _ in range(2_000)]
    assert all(holds(*EQUATION.fullmatch(line.rstrip(".")).groups()) for line in lines)  # type: ignore[union-attr]
    assert {line.split()[1] for line in lines} == set("+-*/")
    assert max(int(number) for line in lines for number in re.findall(r"\d+", line)) <= 999


def test_known_names_shorten_the_reasoning_but_not_at_the_highest_verbosity() -> None:
    for world in islice(generate_worlds(Split.TEST, 4, FAMILIES), 100):
        known = frozenset(quantity.name for quantity in world.derived)
        for query in world.queries:
            with_notes, without = (language.completion(world, query, 3, names) for names in (known, frozenset[str]()))
            assert len(with_notes) <= len(without)
            assert language.completion(world, query, 4, known) == language.completion(world, query, 4)


def _texts(family: Family, rng: random.Random) -> list[str]:
    world = generate_world(family, rng)
    completions = [language.completion(world, query, 4).replace(f"{language.ANSWER} ", "") for query in world.queries]
    return [world.text, " ".join(language.notes(world, 3, rng)), *(query.text for query in world.queries), *completions]
