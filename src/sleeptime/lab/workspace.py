"""Workspace: a folder of results. It holds problems, records, what they were made with, findings and the page."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_ai.models import Model

from sleeptime.core.errors import InputError
from sleeptime.lab import manifest
from sleeptime.lab.datasets.jsonl import read_problems, write_problems
from sleeptime.lab.experiments import NAMES, load_experiment
from sleeptime.lab.experiments.experiment import Findings, Study
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import RecordBook
from sleeptime.lab.report import write_findings, write_page
from sleeptime.models.prices import price_of
from sleeptime.models.resolve import prompt_profile

PRICE_MODEL: Final = ("openai", "gpt-4o-mini")
"""Whose prices stand in for a model that costs nothing: the paper's first model (arXiv:2504.13171, section 4)."""
RECORDS: Final = "records"
PROBLEMS: Final = "problems.jsonl"


@dataclass(frozen=True, slots=True)
class Workspace:
    """One model on one dataset, in a folder.

    Args:
        folder: of results; records lie in a folder below it.
        problems: of the dataset.
        book: of records.
        made_with: model, weights, prompts, dataset, seed, versions, prices.
    """

    folder: Path
    problems: tuple[Problem, ...]
    book: RecordBook
    made_with: Mapping[str, Any]

    @classmethod
    def begin(
        cls,
        folder: Path,
        model: Model,
        model_name: str,
        problems: Sequence[Problem],
        *,
        seed: int = 0,
        is_quick: bool = False,
        is_fresh: bool = False,
        command: str = "",
    ) -> Workspace:
        """Begin in a folder, or go on where a run was stopped.

        Args:
            folder: made when it is not there.
            model: that will be run.
            model_name: as the user wrote it.
            problems: the dataset.
            seed: of the analysis.
            is_quick: a small run.
            command: that began it, for the record.
            is_fresh: put records that are there aside, as ``records.old``, and start anew.

        Raises:
            InputError: the folder holds records of another model, other weights, prompts or problems.
        """
        records = folder / RECORDS
        if is_fresh and records.exists():
            old = folder / f"{RECORDS}.old"
            shutil.rmtree(old, ignore_errors=True)
            records.rename(old)
        provider, name = _price_model(model)
        described = manifest.describe(model, model_name, prompt_profile(model), problems, seed) | {
            "contexts": len({problem.context_id for problem in problems}),
            "problems": len(problems),
            "price_model": f"{provider}:{name}",
            "is_quick": is_quick,
            "command": command,
        }
        manifest.settle(records, described)
        if not (records / PROBLEMS).exists():
            write_problems(records / PROBLEMS, problems)
        return cls(folder, tuple(problems), RecordBook(records), described)

    @classmethod
    def reopen(cls, folder: Path) -> Workspace:
        """Open what an earlier run left.

        Raises:
            InputError: there are no records, or they cannot be read.
        """
        records = folder / RECORDS
        made_with = manifest.read(records)
        problems = tuple(read_problems(records / PROBLEMS))
        if manifest.dataset_digest(problems) != made_with.get("dataset"):
            raise InputError(f"{records / PROBLEMS} is not the dataset that the records were made on")
        return cls(folder, problems, RecordBook(records), made_with)

    def analyse(self, name: str) -> Findings:
        """What the records say on an experiment's question.

        Raises:
            InputError: records are missing; the message says which.
        """
        provider, _, model_name = str(self.made_with["price_model"]).partition(":")
        price = price_of(model_name, provider)
        if price is None:
            raise InputError(f"the price table does not know {self.made_with['price_model']}, which the records name")
        study = Study(
            problems=self.problems,
            book=self.book,
            seed=int(self.made_with["seed"]),
            price=price,
            price_model=str(self.made_with["price_model"]),
            is_quick=bool(self.made_with["is_quick"]),
        )
        return load_experiment(name).analyse(study)

    def report(self, name: str) -> Findings:
        """Analyse an experiment, and write its findings and the page."""
        findings = self.analyse(name)
        write_findings(self.folder, load_experiment(name), findings, self.made_with)
        write_page(self.folder, NAMES)
        return findings


def _price_model(model: Model) -> tuple[str, str]:
    """The model itself where it has a price above 0, else the one that stands in for it."""
    price = price_of(model.model_name, model.system, base_url=model.base_url)
    return PRICE_MODEL if price is None or not price.output else (model.system, model.model_name)
