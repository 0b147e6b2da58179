"""Experiments, each a question about sleep-time compute with the arms that answer it."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.lab.experiments.experiment import Experiment

NAMES: Final = (
    "pareto",
    "parallel",
    "sleep-scaling",
    "amortization",
    "predictability",
    "context-only",
    "no-crossover",
    "budget-matched",
    "robustness",
)
"""In the order of the report."""


def load_experiment(name: str) -> Experiment:
    """The experiment of a name.

    Raises:
        InputError: there is none; the message lists what there is.
    """
    if name not in NAMES:
        raise InputError(f"no experiment is called {name!r}; there are {', '.join(NAMES)}, and all")
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    experiment: Experiment = module.EXPERIMENT
    return experiment
