"""Verdicts on claims: when a figure meets its target, and when that is left open (a quick run, or no figure)."""

from __future__ import annotations

from sleeptime.lab.experiments.experiment import Claim, Study
from sleeptime.lab.statistics import Estimate

NOT_MEASURED = "could not be measured"


def at_least(study: Study, target: str, found: Estimate | None, least: float, measured: str) -> Claim:
    """A figure that should be at least so much: the figure itself decides, its interval stands beside it."""
    return _claim(study, target, measured, None if found is None else found.mean >= least)


def at_most(study: Study, target: str, found: Estimate | None, most: float, measured: str) -> Claim:
    """A figure that should be at most so much."""
    return _claim(study, target, measured, None if found is None else found.mean <= most)


def not_below(study: Study, target: str, difference: Estimate | None, measured: str) -> Claim:
    """A paired difference that should not be below 0: open where it is, and its interval does not tell it from 0."""
    if difference is None or (difference.mean < 0 and not difference.is_below()):
        return _claim(study, target, measured, None)
    return _claim(study, target, measured, difference.mean >= 0)


def is_ahead(study: Study, target: str, difference: Estimate | None, measured: str) -> Claim:
    """A paired difference that should be above 0: open where its interval does not tell it from 0."""
    if difference is None or not (difference.is_above() or difference.is_below()):
        return _claim(study, target, measured, None)
    return _claim(study, target, measured, difference.is_above())


def with_enough(claim: Claim, study: Study, least: int = 500) -> Claim:
    """The same claim, left open where the study has fewer than so many queries."""
    if len(study.problems) >= least:
        return claim
    return Claim(claim.target, f"{claim.measured}; the target asks for n of at least {least}", None)


def _claim(study: Study, target: str, measured: str, is_met: bool | None) -> Claim:
    shown = f"{measured}, n = {len(study.problems)}"
    return Claim(target, shown, None if study.is_quick else is_met)
