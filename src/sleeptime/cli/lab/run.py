"""`sleeptime lab run`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sleeptime.cli.consent import MaxUsd, Yes, agreed_model
from sleeptime.cli.lab.report import DEFAULT_OUTPUT, Output
from sleeptime.cli.options import Json, Model

if TYPE_CHECKING:
    from sleeptime.lab.experiments.experiment import Experiment, Findings
    from sleeptime.lab.run import Laboratory
    from sleeptime.lab.workspace import Workspace


Names = Annotated[list[str], typer.Argument(metavar="EXPERIMENT...", help="Names from `sleeptime lab list`, or all.")]
Dataset = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Problems from `sleeptime lab build`; generated worlds by default.")
]
Split = Annotated[
    Literal["train", "validation", "test", "held-out"] | None,
    typer.Option(help="Generated worlds of this split, or of the families held out of nano's training [test]."),
]
Limit = Annotated[int | None, typer.Option(metavar="N", min=2, help="Contexts at most [150 worlds, or all of a file].")]


def run(
    names: Names,
    model: Model = None,
    dataset: Dataset = None,
    split: Split = None,
    limit: Limit = None,
    queries: Annotated[int, typer.Option(min=1, help="Queries of each generated world.")] = 4,
    seed: Annotated[int, typer.Option(help="Of worlds, draws and resamples.")] = 0,
    output: Output = DEFAULT_OUTPUT,
    quick: Annotated[bool, typer.Option("--quick", help="Few contexts and samples: a rehearsal.")] = False,
    max_usd: MaxUsd = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Answers under way at once on a provider's model.")] = 8,
    yes: Yes = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Put records that are there aside and start anew.")] = False,
    as_json: Json = False,
) -> None:
    """Run experiments, and write figures, tables and a page.

    A run that was stopped goes on where it was: the same command plays what is missing. A run that costs money shows an
    estimate and asks; its cap holds whatever the estimate said.
    """
    from sleeptime.lab.datasets.selection import choose_problems
    from sleeptime.lab.datasets.worlds import WorldSet
    from sleeptime.lab.experiments import NAMES, load_experiment
    from sleeptime.lab.extra import need_extra
    from sleeptime.lab.manifest import command
    from sleeptime.lab.run import Laboratory
    from sleeptime.lab.workspace import Workspace
    from sleeptime.models.resolve import resolve_model
    from sleeptime.settings import load_settings

    need_extra("lab", "inspect_ai", "matplotlib")
    experiments = [load_experiment(name) for name in (NAMES if "all" in names else dict.fromkeys(names))]
    settings = load_settings(model=model)
    resolved = resolve_model(settings.model, timeout_s=settings.model_timeout_s)
    which = WorldSet(split) if split is not None else None
    problems = choose_problems(dataset, limit, which=which, queries=queries, seed=seed, is_quick=quick)
    space = Workspace.begin(output, resolved, settings.model, problems, seed=seed, is_quick=quick, is_fresh=fresh)
    try:
        laboratory = Laboratory(resolved, space.problems, space.book, output / "logs", concurrency)
        estimate = laboratory.estimate(experiments, is_quick=quick)
        calls = f"{estimate.answers:,} answers and {estimate.drafts:,} drafts"
        agreed = agreed_model(resolved, estimate.usage, max_usd, is_agreed=yes, calls=calls)
        space.keep_command(command(), [experiment.name for experiment in experiments])
        found, failed = _run_all(experiments, replace(laboratory, model=agreed), space, is_quick=quick)
        space.book.pack()
    finally:
        space.book.close()
    _show(found, failed, output, as_json=as_json)


def _show(found: dict[str, Findings], failed: dict[str, str], output: Path, *, as_json: bool) -> None:
    """Say what was found.

    Raises:
        InputError: an experiment failed.
    """
    from sleeptime.cli.lab.show import claim_dicts, show_claims
    from sleeptime.cli.output import print_json, say
    from sleeptime.core.errors import InputError
    from sleeptime.lab.report import PAGE

    if found and as_json:
        print_json({"page": str(output / PAGE), "failed": failed, "experiments": claim_dicts(found)})
    elif found:
        show_claims(found)
        say(f"written: {output / PAGE}")
    if failed:
        raise InputError("; ".join(f"{name}: {why}" for name, why in failed.items()))


def _run_all(
    experiments: Sequence[Experiment], laboratory: Laboratory, space: Workspace, *, is_quick: bool
) -> tuple[dict[str, Findings], dict[str, str]]:
    """Findings of the experiments, and why those that this model or dataset is not fit for have none."""
    from sleeptime.cli.output import hint, progress_bar
    from sleeptime.core.errors import InputError

    found: dict[str, Findings] = {}
    failed: dict[str, str] = {}
    for experiment in experiments:
        with progress_bar(experiment.name) as bar:
            try:
                asyncio.run(laboratory.run(experiment, is_quick=is_quick, progress=bar.update))
                bar.update(0, None, label=f"{experiment.name}: analysis")
                found[experiment.name] = space.report(experiment.name)
                space.write_page()
            except InputError as error:
                failed[experiment.name] = str(error)
            except KeyboardInterrupt:
                hint("interrupted; what came is kept, and the same command goes on where it was")
                raise
    return found, failed
