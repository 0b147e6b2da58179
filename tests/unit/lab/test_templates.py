"""lab.datasets.templates: problems drawn from templates, which we wrote ourselves in the form of GSM-Symbolic's."""

from __future__ import annotations

import random
import re
import time

import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.datasets.expressions import Word
from sleeptime.lab.datasets.rows import Row
from sleeptime.lab.datasets.templates import Instance, Template, num_steps, read_template
from sleeptime.lab.datasets.word_lists import LISTS

QUESTION = """{name,Ann} buys {n,12} {color,red} pens for ${price,3} each and gives {frac,half} of them to {other,Bo}. \
How many pens has {name,Ann} left?

#init:
- name, other = sample(names, 2)
- $n = range(5, 40)
- color = sample(["red", "blue"])
- $price = arange(0.5, 9, 0.5)
- $frac = sample(fraction_alnum)

#conditions:
- is_int(n * frac)
- n * price < 200

#answer: n - n * frac
"""
WORKED = "{name} gives {n}*{frac} = <<{n}*{frac}={n*frac}>>{n*frac} away.\n{n}-{n*frac} = <<1=1>>.\n#### {n-n*frac}"


def template(question: str = QUESTION, worked: str = WORKED) -> Template:
    row = Row("pens.json", {"question_annotated": question, "answer_annotated": worked, "id_shuffled": 4})
    return read_template(row, LISTS, "0")


def small(init: str, conditions: str, answer: str = "1", question: str = "How many are {a,1}?") -> Template:
    sections = f"#init:\n{init}\n#conditions:\n{conditions}\n#answer: {answer}"
    return template(f"{question}\n{sections}", "")


def test_an_instance_meets_the_conditions_and_has_the_answer_of_its_numbers() -> None:
    rng = random.Random(0)
    fractions = {word.text: word.number for word in LISTS["fraction_alnum"] if isinstance(word, Word)}
    for _ in range(100):
        found = template().instance(rng)
        match = re.fullmatch(
            r"(\w+) buys (\d+) (?:red|blue) pens for \$(\d+(?:\.50)?) each and gives ([\w-]+) of them to (\w+)\. "
            r"How many pens has (\w+) left\?",
            found.question,
        )
        assert match, found.question
        name, n, price, frac, other, again = match.groups()
        assert name == again != other
        assert 5 <= int(n) < 40
        assert int(n) * float(price) < 200
        assert found.answer == int(n) * (1 - fractions[frac])
        assert found.answer.denominator == 1
        assert found.num_steps == 2


def test_a_seed_gives_the_same_instances_and_another_seed_others() -> None:
    def drawn(seed: int) -> list[Instance]:
        rng = random.Random(seed)
        return [template().instance(rng) for _ in range(10)]

    assert drawn(1) == drawn(1)
    assert not {instance.question for instance in drawn(1)} & {instance.question for instance in drawn(2)}


def test_every_value_that_is_allowed_is_drawn() -> None:
    found = small("- $a = range(1, 10)", "- divides(a, 3)\n- a != 6", "a")
    rng = random.Random(0)
    assert {found.instance(rng).answer for _ in range(100)} == {3, 9}


def test_a_value_that_a_condition_settles_is_worked_out() -> None:
    found = small("- $b = range(100, 900)\n- $a = range(1, 100000)", "- a == b * 7 + 3", "a")
    rng = random.Random(0)
    assert all((found.instance(rng).answer - 3) % 7 == 0 for _ in range(20))
    undrawn = small("- $b = range(100, 900)", "- a == b * 7\n- a > 5000", "a")
    assert all(undrawn.instance(rng).answer > 5000 for _ in range(20))


def test_a_settled_value_stays_in_its_range() -> None:
    found = small("- $b = range(1, 900)\n- $a = range(1, 50)", "- a == b * 7", "a")
    rng = random.Random(0)
    assert {found.instance(rng).answer for _ in range(200)} == {7, 14, 21, 28, 35, 42, 49}


def test_pairs_of_a_word_and_its_number_are_taken_apart() -> None:
    found = small("- (a, x) = sample([('two', 2), ('six', 6)])\n- w, v = sample(multiple)", "- True", "x * v")
    answers = {found.instance(random.Random(seed)).answer for seed in range(60)}
    assert answers == {x * v for x in (2, 6) for v in (2, 3, 4)}


def test_a_number_that_is_drawn_with_its_word_is_written_in_words_and_calculated_with() -> None:
    text = "{n,(two, 2)} of {m,9} pens are dry. How many write?\n#init:\n- $n = range_str(2, 40, 1, numbers)\n"
    text += "- $m = range(50, 99)\n- $share = sample(fraction_alnum)\n#answer: m - n"
    rng = random.Random(0)
    words = {str(word): number for number, word in enumerate(LISTS["numbers"], 1)}
    assert (words["nineteen"], words["twenty"], words["forty-two"], words["ninety-nine"]) == (19, 20, 42, 99)
    for _ in range(50):
        found = template(text, "{m}-{n}=<<{m}-{n}={m-n}>>{m-n}\n#### {m-n}").instance(rng)
        match = re.match(r"([A-Z][a-z-]+) of (\d+) pens", found.question)
        assert match
        assert found.answer == int(match[2]) - words[match[1].lower()]


def test_a_sentence_begins_with_a_capital_and_a_slot_that_is_never_drawn_keeps_its_default() -> None:
    found = small("- $a = sample(['red', 'blue'])", "- True", question="{a,red} is {b, nice}. {a,red} sells?")
    assert found.instance(random.Random(0)).question in ("Red is nice. Red sells?", "Blue is nice. Blue sells?")


def test_drawn_texts_are_not_read_as_templates() -> None:
    found = small("- a = sample(['{9**9}', '#answer: 5'])", "- True", "1")
    assert found.instance(random.Random(0)).question in ("How many are {9**9}?", "How many are #answer: 5?")


@pytest.mark.parametrize(
    ("worked", "steps"),
    [
        ("5+3 = <<5+3=8>>8\n8*2 = <<8*2=16>>16\n#### 16", 2),
        ("5+3 = 8.\nSo 8*2 = 16.\n#### 16", 2),
        ("First eight.\nThen sixteen.\n\n#### 16", 2),
        ("#### 16", 0),
        ("", 0),
    ],
)
def test_steps_of_a_worked_answer(worked: str, steps: int) -> None:
    assert num_steps(worked) == steps


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("How many?", "none of the sections"),
        ("How many?\n#init:\n- a\n#answer: 1", "is not 'name = expression'"),
        ("How many?\n#init:\n- a.b = range(5)\n#answer: 1", "is not 'name = expression'"),
        ("How many?\n#init:\n- sample = range(5)\n#answer: 1", "is a function"),
        ("How many?\n#init:\n- a = __import__('os').system('true')\n#answer: 1", "not"),
        ("How many?\n#init:\n- a = open('/etc/passwd')\n#answer: 1", "'open'.*is not known"),
        ("How many?\n#init:\n- a = range(5)\n#conditions:\n- a.__class__\n#answer: 1", "__class__ is not allowed"),
        ("How many?\n#init:\n- a = range(5)\n#answer: [x for x in a]", "ListComp is not allowed"),
        ("How many {__import__('os')}?\n#init:\n- a = range(5)\n#answer: 1", "is not known"),
        ("How many {b}?\n#init:\n- a = range(5)\n#answer: 1", "'b'.*is neither drawn"),
        ("How many?\n#init:\n- a = sample(planets)\n#answer: 1", "'planets'.*known lists: cities"),
        ("How many {a,1 ?\n#init:\n- a = range(5)\n#answer: 1", "brace"),
        ("How many {a,{b}}?\n#init:\n- a = range(5)\n#answer: 1", "brace"),
        ("How many?\n#init:\n- a = range(5)\n#init:\n- a = range(5)\n#answer: 1", "twice"),
        ("How many?\n#init:\n" + "- a = range(5)\n" * 100 + "#answer: 1", "at most 60 lines"),
        ("How many?" * 5_000 + "\n#init:\n- a = range(5)\n#answer: 1", "characters long"),
        ("{a,1}" * 500 + "\n#init:\n- a = range(5)\n#answer: 1", "at most 200 slots"),
    ],
)
def test_a_bad_or_hostile_template_is_refused_with_its_place(question: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"(?s)pens\.json: .*{message}"):
        template(question, "")


@pytest.mark.parametrize(
    ("init", "conditions", "answer", "message"),
    [
        ("- $a = range(5)", "- a > 9", "a", "no values meet the conditions"),
        ("- $a = range(5)", "- a / 0 > 1", "a", "division by zero"),
        ("- $a = range(5)", "- True", "a / 0", "division by zero"),
        ("- $a = range(5)", "- True", "'five'", "is not a number"),
        ("- $a = range(5)", "- True", "9 ** 9 ** 9", "too large"),
        ("- $a = list(range(1000000000))", "- True", "1", "lists shorter"),
        ("- a, b = sample([1, 2, 3], 3)", "- True", "1", "3 values are drawn for the names a, b"),
        ("- $a = sample([])", "- True", "1", "cannot be drawn"),
        ("- $a = range(9)", "- " + " + ".join(["sum(list(range(9999)))"] * 20) + " < 0", "1", "no values|steps"),
    ],
)
def test_a_template_without_a_proper_instance_is_a_clear_error_in_bounded_time(
    init: str, conditions: str, answer: str, message: str
) -> None:
    start = time.monotonic()
    with pytest.raises(InputError, match=rf"pens\.json: .*{message}"):
        small(init, conditions, answer).instance(random.Random(0))
    assert time.monotonic() - start < 60


def test_a_template_that_contradicts_itself_is_refused() -> None:
    question = QUESTION.replace("#answer: n - n * frac", "#answer: n + 1")
    with pytest.raises(InputError, match=r"says .* and"):
        template(question).instance(random.Random(0))
    with pytest.raises(InputError, match="says none"):
        template(QUESTION.partition("#answer")[0], "").instance(random.Random(0))
