"""`sleeptime swe run`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.consent import MaxUsd, Yes, agreed_model
from sleeptime.cli.options import MODELS, Database, Json

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from sleeptime.core.price import Price
    from sleeptime.lab.tally import Progress
    from sleeptime.settings import Settings
    from sleeptime.swe.arms import Arm
    from sleeptime.swe.book import Book
    from sleeptime.swe.plan import Plan
    from sleeptime.swe.run import Played

NONE = "none"

Repositories = Annotated[
    list[str],
    typer.Option(
        metavar="PATH",
        help="Git repository, PATH@REV, or generated:FAMILY for one that is written with its tasks (shop and "
        "clinic to tune on, fleet and archive held out). Can be repeated.",
    ),
]
Tasks = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Tasks from `swe build`, one file for each repository that is given [made of its history].",
    ),
]
Arms = Annotated[
    str | None,
    typer.Option(
        metavar="ARMS",
        help="Of random, recency, content, index, agent, agent+related, agent+notes, with commas between [all "
        "that the model allows]; random and recency are always there.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Newest tasks of each repository, which stand first in its file [all]."),
]
Output = Annotated[Path, typer.Option(metavar="FOLDER", help="Where results, records and logs go.")]


def run(
    repo: Repositories,
    tasks: Tasks = None,
    arms: Arms = None,
    steps: Annotated[str, typer.Option(metavar="N,N", help="Budgets of agents, in steps.")] = "5,10,15,20,30",
    seeds: Annotated[int, typer.Option(min=1, help="Answers to each task, of arms that draw.")] = 3,
    model: Annotated[str, typer.Option(metavar="MODEL", help=f"none, or one for agents: {MODELS}.")] = NONE,
    limit: Limit = None,
    replays: Annotated[int, typer.Option(min=0, help="Earlier commits that the index is tuned on.")] = 30,
    sleep_steps: Annotated[int, typer.Option(min=1, help="Budget of an agent's sleep on one related change.")] = 20,
    output: Output = Path("swe-results"),
    max_usd: MaxUsd = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Agents at work at once.")] = 4,
    yes: Yes = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Play tasks of repositories, and score which files are predicted: precision, recall and F1 with intervals.

    Without a model the index stands beside BM25 alone, the files changed last, and chance. With one, an agent does the
    same at several budgets: alone, told related changes, and with what sleep has left. A run that costs money shows an
    estimate and asks; its cap holds whatever the estimate said. One that was stopped goes on where it was. Needs the
    extras `swe` and `lab`.
    """
    from sleeptime.lab.extra import need_extra
    from sleeptime.settings import load_settings
    from sleeptime.swe.extra import PACKAGES

    need_extra("swe,lab", *PACKAGES, "inspect_ai", "matplotlib")
    from sleeptime.lab.manifest import command, versions, without_password
    from sleeptime.swe.book import Book
    from sleeptime.swe.field import fields_of
    from sleeptime.swe.plan import Plan
    from sleeptime.swe.results import Results

    settings = load_settings(model=None if model == NONE else model, database_url=database)
    fields = fields_of(repo, tasks or [], limit, output / "repositories")
    plan = Plan(fields, _arms(arms, has_model=model != NONE), tuple(_numbers(steps)), seeds, replays, sleep_steps)
    about = {"model": without_password(model), "replays": replays, "sleep_steps": sleep_steps}
    book = Book(output / "records", about)
    try:
        playing = _Playing(plan, book, settings, output, concurrency)
        played, price = playing.play(max_usd, is_agreed=yes)
        made_by = {"command": command(), "versions": versions()}
        found = {"model": about["model"], "made_by": made_by, **Results(plan, book, played, price).as_dict()}
    finally:
        book.close()
    _save(output, found, as_json=as_json)


def _arms(given: str | None, *, has_model: bool) -> tuple[Arm, ...]:
    from sleeptime.core.errors import InputError
    from sleeptime.swe.arms import Arm

    if given is None:
        return tuple(arm for arm in Arm if has_model or not arm.needs_model)
    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in list(Arm)]:
        raise InputError(f"arm {unknown[0]!r} is not known; allowed: {', '.join(Arm)}")
    arms = tuple(map(Arm, names))
    if not has_model and (agents := [arm for arm in arms if arm.needs_model]):
        raise InputError(f"{', '.join(agents)} needs a model: give --model, or leave it out")
    return arms


def _numbers(text: str) -> list[int]:
    from sleeptime.core.errors import InputError

    names = [name.strip() for name in text.split(",")]
    if not all(name.isdecimal() and int(name) >= 1 for name in names):
        raise InputError(f"--steps are numbers of at least 1 with commas between, such as 5,10,20; got {text!r}")
    return [int(name) for name in names]


@dataclass(frozen=True, slots=True)
class _Playing:
    """What is played, and how."""

    plan: Plan
    book: Book
    settings: Settings
    output: Path
    concurrency: int

    def play(self, max_usd: float | None, *, is_agreed: bool) -> tuple[Played, Price | None]:
        """Play what is missing; with a model, within a cap and in the ledger."""
        from sleeptime.cli.output import progress_bar
        from sleeptime.cli.swe.session import interruptible
        from sleeptime.swe.run import run as play

        kept = "what came is kept, and the same command goes on where it was"
        with interruptible(kept), progress_bar("playing") as bar:
            if not any(arm.needs_model for arm in self.plan.arms):
                return asyncio.run(play(self.plan, self.book, None, folder=self.output, progress=bar.update)), None
            return asyncio.run(self._with_model(max_usd, bar.update, is_agreed=is_agreed))

    async def _with_model(
        self, max_usd: float | None, progress: Progress, *, is_agreed: bool
    ) -> tuple[Played, Price | None]:
        import random

        from sleeptime.core.call import Phase
        from sleeptime.core.caps import NO_CAPS
        from sleeptime.lab.cap import CappedModel
        from sleeptime.models.prices import price_of
        from sleeptime.resources import Resources
        from sleeptime.store.calls import StoredCalls
        from sleeptime.swe.agent import check_model
        from sleeptime.swe.estimate import estimate
        from sleeptime.swe.run import run as play

        resources = Resources(self.settings, None, random.Random())
        try:
            store, model = await resources.store(), await resources.model()
            check_model(model)
            calls, usage = estimate(self.plan, self.book)
            agreed = agreed_model(model, usage, max_usd, is_agreed=is_agreed, calls=f"up to {calls:,} calls")
            # What the settings cap is sleep; a query is never refused.
            caps = {Phase.SLEEP: self.settings.caps, Phase.WAKE: NO_CAPS}
            ledgers = {phase: resources.traffic(store).led(StoredCalls(store, of), model) for phase, of in caps.items()}

            def models(phase: Phase) -> Model:
                longest = self.settings.max_output_tokens if caps[phase] else None
                return resources.metered(agreed, ledgers[phase], phase, "swe run", max_output_tokens=longest)

            played = await play(
                self.plan,
                self.book,
                models,
                folder=self.output,
                concurrency=self.concurrency,
                capped=agreed if isinstance(agreed, CappedModel) else None,
                progress=progress,
            )
        finally:
            await resources.close()
        return played, price_of(model.model_name, model.system, base_url=model.base_url)


def _save(output: Path, found: dict[str, Any], *, as_json: bool) -> None:
    """Write the results and their figure, and show them."""
    import json

    from sleeptime.cli.output import print_json, say
    from sleeptime.swe.figures import f1_figure

    place = output / "results.json"
    place.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    place.with_suffix(".svg").write_text(f1_figure(found["arms"]), encoding="utf-8")
    if as_json:
        print_json({**found, "output": str(place)})
    else:
        _show(found)
        say(f"written: {place} and its figure {place.with_suffix('.svg')}")


def _show(found: dict[str, Any]) -> None:
    from sleeptime.cli.output import print_table, say
    from sleeptime.swe.figures import total_tokens

    columns = ["arm", ">F1", "95 % interval", ">precision", ">recall", ">tasks", ">tokens", ">p95 ms", ">cold s"]
    rows = []
    for name, of in found["arms"].items():
        interval = "" if of["f1_interval"] is None else "{:.3f} to {:.3f}".format(*of["f1_interval"])
        figures = (f"{of[key]:.3f}" for key in ("precision", "recall"))
        cold = f"{of['cold_s']:.2f}" if of["cold_s"] else ""
        took = (f"{of['n']:,}", f"{total_tokens(of):,.0f}", f"{of['warm_p95_ms']:.1f}")
        rows.append([name, f"{of['f1']:.3f}", interval, *figures, *took, cold])
    print_table(columns, rows)
    for steps, difference in found["notes_against_agent"]["f1_difference"].items():
        interval = "" if difference["interval"] is None else " ({:+.3f} to {:+.3f})".format(*difference["interval"])
        say(f"agent+notes against agent at {steps} steps: F1 {difference['mean']:+.3f}{interval}")
    behind = found["notes_against_agent"]["behind_from_steps"]
    if behind is not None:
        say(f"the notes cost F1 from {behind} steps on")
    for line in found["sleep"]["break_even"]:
        if line["tasks"] is not None:
            in_money = "" if line["tasks_usd"] is None else f"; {line['tasks_usd']:.1f} in money"
            say(
                f"agent@{line['steps']} is reached with notes at {line['steps_with_notes']} steps; the sleep pays for "
                f"itself after {line['tasks']:.1f} tasks, in tokens{in_money}"
            )
