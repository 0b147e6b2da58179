"""What sleep scaling found, as tables, claims and words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any, Final

from sleeptime.lab.experiments.experiment import Claim, Findings, Study, Table
from sleeptime.lab.experiments.sleep_scaling import BUDGET, LARGER_BUDGET, Effort, Scaled, Scaling
from sleeptime.lab.experiments.sleep_scaling_figures import figures_of
from sleeptime.lab.experiments.verdicts import at_least, at_most, is_ahead
from sleeptime.lab.experiments.wording import NONE, figures, listed, percent, points, times, tokens
from sleeptime.lab.statistics import Bootstrap, Estimate
from sleeptime.sleep.settings import Combine

TARGET_GAIN: Final = 0.15
TARGET_GROWTH: Final = 1.3
PAPER_GAIN: Final = 0.13
"""Most that scaling sleep gained on GSM-Symbolic (arXiv:2504.13171, section 5.2)."""
NAMES: Final = {Combine.MERGE: "merged", Combine.CONCAT: "concatenated"}


def findings_of(study: Study, scaling: Scaling) -> Findings:
    """Everything that is reported."""
    return Findings(
        summary=_summary(scaling),
        tables=(_table(scaling), _neighbours_table(scaling), _notes_table(scaling), _effort_table(scaling)),
        figures=figures_of(scaling),
        claims=_claims(study, scaling),
        data={
            "seeds": _seeds(scaling),
            "drafts": {
                combine.value: {str(each.drafts): _data(each, scaling.bootstrap) for each in scaled}
                for combine, scaled in scaling.by_combine.items()
            },
            "steps": {
                combine.value: [
                    {"from": before.drafts, "to": after.drafts, "difference": figures(difference)}
                    for before, after, difference in steps_of(scaled, scaling.bootstrap)
                ]
                for combine, scaled in scaling.by_combine.items()
            },
            "efforts": {each.level: _effort_data(each, scaling.bootstrap) for each in scaling.efforts},
        },
    )


def steps_of(scaled: Sequence[Scaled], bootstrap: Bootstrap) -> list[tuple[Scaled, Scaled, Estimate]]:
    """Each number of drafts with the next one, and the paired difference of their accuracies."""
    return [(a, b, b.answers.minus(a.answers, bootstrap)) for a, b in pairwise(scaled)]


def growth_of(scaled: Sequence[Scaled], bootstrap: Bootstrap) -> Estimate:
    """How many times longer the prompts are with the most drafts than with one."""
    first, last = scaled[0].answers, scaled[-1].answers
    found = bootstrap.ratio(last.input, first.input, first.contexts)
    assert found is not None, "a prompt has tokens"
    return found


def _seeds(scaling: Scaling) -> int:
    return len(scaling.by_combine[Combine.MERGE][-1].answers.by_seed)


def _table(scaling: Scaling) -> Table:
    bootstrap = scaling.bootstrap
    rows = []
    for combine, scaled in scaling.by_combine.items():
        first = scaled[0].answers
        for each in scaled:
            larger = each.larger.accuracy(bootstrap) if each.larger is not None else None
            rows.append(
                (
                    NAMES[combine],
                    str(each.drafts),
                    percent(each.answers.accuracy(bootstrap)),
                    NONE if each is scaled[0] else points(each.answers.minus(first, bootstrap)),
                    percent(larger),
                    tokens(bootstrap.mean(each.answers.input, first.contexts)),
                    f"{each.answers.notes:.1f}",
                    f"{100 * each.served:.0f} %",
                    str(len(first.contexts)),
                    f"{each.answers.unscored} of {each.answers.answers}",
                )
            )
    header: tuple[str, ...] = (
        "drafts are",
        "k",
        f"accuracy at {BUDGET}",
        "gain over k = 1",
        f"accuracy at {LARGER_BUDGET}",
    )
    header += ("input tokens of an answer", "notes served", "of those written", "n", "unscored")
    note = (
        f"With k above 1, mean over {_seeds(scaling)} seeds; a query counts once. Notes that do not fit what the model "
        "reads at once, or the limit on notes, are left out, those nearest the query last. Gains are paired."
    )
    return Table("Accuracy by number of drafts", header, tuple(rows), note)


def _neighbours_table(scaling: Scaling) -> Table:
    rows = []
    for combine, scaled in scaling.by_combine.items():
        for before, after, difference in steps_of(scaled, scaling.bootstrap):
            rows.append(
                (NAMES[combine], f"{before.drafts} to {after.drafts}", points(difference), _in_words(difference))
            )
    note = (
        "Paired on the same queries. Each interval is a 95 % interval on its own: of twenty comparisons without any "
        "difference, one is expected to look like one."
    )
    return Table("From one number of drafts to the next", ("drafts are", "k", "difference", "is"), tuple(rows), note)


def _in_words(difference: Estimate) -> str:
    if difference.low is None:
        return "not decided"
    return "better" if difference.is_above() else "worse" if difference.is_below() else "not told from 0"


def _notes_table(scaling: Scaling) -> Table:
    rows = tuple(
        (
            NAMES[combine],
            str(each.drafts),
            tokens(each.quality.notes),
            percent(each.quality.verified) if combine is Combine.MERGE else NONE,
            percent(each.quality.right),
            percent(each.quality.covered),
            percent(each.quality.disputed),
            tokens(each.quality.drafted_tokens),
        )
        for combine, scaled in scaling.by_combine.items()
        for each in scaled
    )
    header: tuple[str, ...] = ("drafts are", "k", "notes of a c'", "verified", "right", "queries with a right note")
    header += ("with a right and a wrong note", "output tokens of a sleep")
    note = (
        "Right: of the notes on a quantity that a query asks for, those that hold its answer, or whose "
        "function gives it for the query's number. Concatenated drafts are not verified."
    )
    return Table("What the notes hold", header, rows, note)


def _effort_table(scaling: Scaling) -> Table:
    rows = tuple(
        (
            each.level,
            percent(each.answers.accuracy(scaling.bootstrap)),
            NONE if i == 0 else points(each.answers.minus(scaling.efforts[i - 1].answers, scaling.bootstrap)),
            tokens(each.quality.drafted_tokens),
            tokens(each.quality.notes),
            percent(each.quality.right),
            percent(each.quality.covered),
            str(len(each.answers.contexts)),
            str(each.answers.unscored),
        )
        for i, each in enumerate(scaling.efforts)
    )
    header: tuple[str, ...] = (
        "effort",
        f"accuracy at {BUDGET}",
        "gain over the effort before",
        "output tokens of a sleep",
    )
    header += ("notes of a c'", "right", "queries with a right note", "n", "unscored")
    note = (
        "One draft. For a reasoning model the effort is the provider's own; nano writes what is likely to be asked "
        "(low), every derived quantity (medium), and functions of an unknown too (high)."
    )
    return Table("Accuracy by effort of sleep", header, rows, note)


def _claims(study: Study, scaling: Scaling) -> tuple[Claim, ...]:
    bootstrap = scaling.bootstrap
    merged, joined = scaling.by_combine[Combine.MERGE], scaling.by_combine[Combine.CONCAT]
    gain = merged[-1].answers.minus(merged[0].answers, bootstrap)
    most, growth = merged[-1].drafts, growth_of(merged, bootstrap)
    best = max((each for each in joined[1:]), key=lambda each: float(each.answers.right.mean()))
    best_gain = best.answers.minus(joined[0].answers, bootstrap)
    claims = [
        _never_worse(study, scaling),
        at_least(
            study,
            f"{most} merged drafts gain at least {100 * TARGET_GAIN:g} points over one at `{BUDGET}`",
            gain,
            TARGET_GAIN,
            f"{points(gain)}, of {100 * (1 - float(merged[0].answers.right.mean())):.1f} points that were left to gain",
        ),
        at_most(
            study,
            f"prompts with {most} merged drafts are at most {TARGET_GROWTH:g} times as long as with one",
            growth,
            TARGET_GROWTH,
            times(growth),
        ),
        at_least(
            study,
            f"the paper: scaling sleep by concatenation gains up to {100 * PAPER_GAIN:g} points",
            best_gain,
            PAPER_GAIN,
            f"{points(best_gain)} with {best.drafts} drafts, the best number",
        ),
    ]
    at = {each.drafts: each.answers for each in joined}
    if {5, 10} <= set(at):
        five = at[5].minus(at[10], bootstrap)
        claims.append(
            is_ahead(study, "the paper: 5 concatenated drafts are better than 10", five, f"5 less 10: {points(five)}")
        )
    return tuple(claims)


def _never_worse(study: Study, scaling: Scaling) -> Claim:
    """Met without any drop from some number of drafts to a larger one, missed when a drop is told from 0, else open."""
    scaled = scaling.by_combine[Combine.MERGE]
    pairs = [(a, b, b.answers.minus(a.answers, scaling.bootstrap)) for a, b in combinations(scaled, 2)]
    drops = [(a.drafts, b.drafts, d) for a, b, d in pairs if d.mean < 0]
    is_told = any(d.is_below() for *_, d in drops)
    said = [f"from {a} to {b} drafts {points(d)}" for a, b, d in drops]
    measured = f"drops: {listed(said)}" if drops else "no drop from any number of drafts to a larger one"
    is_met = None if study.is_quick or (drops and not is_told) else not drops
    target = f"merged drafts never get worse at `{BUDGET}` as there are more"
    return Claim(target, f"{measured}; n = {len(study.problems)}", is_met)


def _summary(scaling: Scaling) -> str:
    bootstrap = scaling.bootstrap
    said = []
    for combine, scaled in scaling.by_combine.items():
        first, last = scaled[0], scaled[-1]
        drops = [f"{a.drafts} to {b.drafts}" for a, b, d in steps_of(scaled, bootstrap) if d.mean < 0]
        sure = [f"{a.drafts} to {b.drafts}" for a, b, d in steps_of(scaled, bootstrap) if _in_words(d) == "worse"]
        said.append(
            f"Drafts {NAMES[combine]}: accuracy at `{BUDGET}` goes from {percent(first.answers.accuracy(bootstrap))} "
            f"with one to {percent(last.answers.accuracy(bootstrap))} with {last.drafts} "
            f"({points(last.answers.minus(first.answers, bootstrap))}), and the prompts grow "
            f"{times(growth_of(scaled, bootstrap))}."
        )
        if drops:
            told = f"told from 0 at {listed(sure)}" if sure else "none of them told from 0"
            said.append(f"It drops from {listed(drops)} drafts, {told}.")
        else:
            said.append("It drops at no step.")
        cut = [str(each.drafts) for each in scaled if each.served < 0.995]
        if cut:
            said.append(
                f"With {listed(cut)} drafts not all notes fit beside the context in what the model reads at once: the "
                f"prompts held {100 * min(each.served for each in scaled):.0f} % of them at least, chosen by the query."
            )
    low, high = scaling.efforts[0], scaling.efforts[-1]
    said.append(
        f"One draft of {low.level} effort gives {percent(low.answers.accuracy(bootstrap))}, of {high.level} effort "
        f"{percent(high.answers.accuracy(bootstrap))}."
    )
    return " ".join(said)


def _data(each: Scaled, bootstrap: Bootstrap) -> dict[str, Any]:
    return each.answers.data(bootstrap) | {
        "accuracy_by_seed": [figures(r.accuracy(bootstrap)) for r in each.answers.by_seed],
        "accuracy_at_larger_budget": figures(each.larger.accuracy(bootstrap)) if each.larger is not None else None,
        "input_tokens": figures(bootstrap.mean(each.answers.input, each.answers.contexts)),
        "share_of_notes_served": each.served,
        "notes": _quality_data(each),
    }


def _effort_data(each: Effort, bootstrap: Bootstrap) -> dict[str, Any]:
    return each.answers.data(bootstrap) | {"notes": _quality_data(each)}


def _quality_data(each: Scaled | Effort) -> dict[str, Any]:
    quality = each.quality
    return {
        "notes": figures(quality.notes),
        "verified": figures(quality.verified),
        "right": figures(quality.right),
        "covered": figures(quality.covered),
        "disputed": figures(quality.disputed),
        "output_tokens": figures(quality.drafted_tokens),
    }
