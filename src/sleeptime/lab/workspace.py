"""Workspace: a folder of results. It holds problems, records, what they were made with, findings and the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic_ai.models import Model

from sleeptime.core.errors import InputError
from sleeptime.core.price import Price
from sleeptime.lab import manifest
from sleeptime.lab.datasets.jsonl import read_problems, write_problems
from sleeptime.lab.datasets.worlds import WorldSet, set_of
from sleeptime.lab.experiments import NAMES, load_experiment
from sleeptime.lab.experiments.experiment import Findings, Study
from sleeptime.lab.experiments.losses import losses_of
from sleeptime.lab.experiments.price_lists import AT as PRICES_AT
from sleeptime.lab.lock import FolderLock
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import RecordBook, has_records
from sleeptime.lab.report import write_findings, write_page
from sleeptime.models.prices import price_of
from sleeptime.models.resolve import prompt_profile

PRICE_MODEL: Final = ("openai", "gpt-5-mini")
"""Whose prices stand in for a model that costs nothing: the model of the README's example."""
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
    ) -> Workspace:
        """Begin in a folder, or go on where a run was stopped. Nobody else can write there until the book is closed.

        Args:
            folder: made when it is not there.
            model: that will be run.
            model_name: as the user wrote it.
            problems: the dataset.
            seed: of the analysis.
            is_quick: a small run.
            is_fresh: put records that are there aside, as ``records.old`` or the next free number, and start anew.

        Raises:
            InputError: the folder holds records of another model, other weights, prompts or problems, another run
                writes to it, or it cannot be written.
        """
        records = folder / RECORDS
        price_model, price = _price_list(model)
        described = manifest.describe(model, model_name, prompt_profile(model), problems, seed, is_quick=is_quick) | {
            "price_model": price_model,
            "price": asdict(price),
        }
        try:
            if is_fresh:
                _put_aside(records)
            book = RecordBook(records, is_writer=True)
            try:
                made_with = manifest.settle(records, described)
                if not has_records(records):
                    write_problems(records / PROBLEMS, problems, overwrite=True)
            except BaseException:
                book.close()
                raise
        except OSError as error:
            raise InputError(
                f"results cannot be written to {folder} ({error.strerror}); choose another --output"
            ) from error
        return cls(folder, tuple(problems), book, made_with)

    @classmethod
    def reopen(cls, folder: Path) -> Workspace:
        """Open what an earlier run left.

        Raises:
            InputError: there are no records, or they cannot be read.
        """
        records = folder / RECORDS
        made_with = manifest.read(records)
        problems = tuple(read_problems(records / PROBLEMS))
        if manifest.dataset_digest(problems) != made_with["dataset"]:
            raise InputError(f"{records / PROBLEMS} is not the dataset that the records were made on")
        return cls(folder, problems, RecordBook(records), made_with)

    def keep_command(self, command: str, experiments: Iterable[str]) -> None:
        """Keep with the records which command ran which experiments."""
        manifest.add_commands(self.folder / RECORDS, dict.fromkeys(experiments, command))

    @property
    def ran(self) -> list[str]:
        """The experiments that commands ran here, in the order of the report."""
        commands = manifest.read(self.folder / RECORDS)["commands"]
        return [name for name in NAMES if name in commands]

    def analyse(self, name: str) -> Findings:
        """What the records say on an experiment's question, and what the model did not give it.

        Targets are set for new worlds of the families that nano was trained on. On families held out the same figures
        stand without a verdict.

        Raises:
            InputError: records are missing; the message says which.
        """
        study = Study(
            problems=self.problems,
            book=self.book,
            seed=self.made_with["seed"],
            price=Price(**self.made_with["price"]),
            price_model=self.made_with["price_model"],
            is_quick=self.made_with["is_quick"],
        )
        experiment = load_experiment(name)
        findings = experiment.analyse(study)
        losses = losses_of(study, experiment.arms(is_quick=study.is_quick))
        said = "\n\n".join(filter(None, (findings.summary, str(losses))))
        claims = findings.claims
        if set_of(self.problems) is WorldSet.HELD_OUT:
            claims = tuple(replace(claim, target=f"held-out families: {claim.target}", is_met=None) for claim in claims)
        return replace(findings, summary=said, claims=claims, data={**findings.data, "losses": asdict(losses)})

    def report(self, name: str) -> Findings:
        """Analyse an experiment, and write its findings; `write_page` shows them.

        Raises:
            InputError: records are missing, or the folder cannot be written.
        """
        findings = self.analyse(name)
        made_with = manifest.read(self.folder / RECORDS)
        command = made_with.pop("commands").get(name, "")
        try:
            made_with |= {"command": command, "worlds": set_of(self.problems)}
            write_findings(self.folder, load_experiment(name), findings, made_with)
        except OSError as error:
            raise InputError(f"results cannot be written to {self.folder} ({error.strerror})") from error
        return findings

    def write_page(self) -> Path:
        """Write the page of all experiments with findings in the folder; returns its path.

        Raises:
            InputError: there are none, one cannot be read, or the folder cannot be written.
        """
        try:
            return write_page(self.folder, NAMES)
        except OSError as error:
            raise InputError(f"results cannot be written to {self.folder} ({error.strerror})") from error


def _put_aside(records: Path) -> None:
    """Give records another name, when there are any and nobody writes to them."""
    if not records.exists():
        return
    lock = FolderLock(records)
    try:
        number = 1
        while (old := records.with_name(f"{RECORDS}.old{'' if number == 1 else f'-{number}'}")).exists():
            number += 1
        records.rename(old)
    finally:
        lock.release()


def _price_list(model: Model) -> tuple[str, Price]:
    """Whose prices count, and these: of the model itself where it costs something, else of the one that stands in."""
    own = price_of(model.model_name, model.system, base_url=model.base_url)
    if own is not None and own.output:
        return f"{model.system}:{model.model_name}", own
    provider, name = PRICE_MODEL
    price = price_of(name, provider, at=PRICES_AT)
    assert price is not None, f"the price table knows {name}"
    return f"{provider}:{name}", price
