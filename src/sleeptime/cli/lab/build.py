"""`sleeptime lab build`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sleeptime.cli.consent import MaxUsd, Yes, agreed_model
from sleeptime.cli.options import MODELS, Force, Json
from sleeptime.core.counted import counted

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sleeptime.lab.datasets.build import Build, Request


LEAST_CAP_USD = 0.25
"""The least cap of paid calls that name none: room for the worst case of a few calls."""
SHOWN = 20
"""Things that were left out and are named."""


DatasetName = Annotated[
    str,
    typer.Argument(metavar="DATASET", help="worlds, stateful-gsm-symbolic, stateful-aime, multi-query or released."),
]
Sources = Annotated[
    list[str] | None,
    typer.Argument(metavar="SOURCE", help="File, folder, or hub:OWNER/NAME#CONFIG/SPLIT; none for worlds."),
]
Limit = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Contexts at most, drawn evenly [100 worlds, else all].")
]
Queries = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Queries of each context [worlds 1, multi-query 10].")
]
Split = Annotated[
    Literal["train", "validation", "test", "held-out"],
    typer.Option(help="Worlds of this split, or test worlds of the families held out."),
]
Likelihood = Annotated[
    Literal["any", "likely", "unlikely", "own-number"],
    typer.Option(help="Which queries of worlds: own-number ones bring a number of their own."),
]
Writer = Annotated[str | None, typer.Option(metavar="MODEL", help=f"Writes the queries of multi-query: {MODELS}.")]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out rows and templates that cannot be used, and name them.")
]


def build(
    context: typer.Context,
    dataset: DatasetName,
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where the JSON lines go.")],
    sources: Sources = None,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    limit: Limit = None,
    queries: Queries = None,
    split: Split = "test",
    min_depth: Annotated[int, typer.Option(min=1, help="Fewest steps to the answer of a world's query.")] = 1,
    max_depth: Annotated[int, typer.Option(min=1, help="Most steps to the answer of a world's query.")] = 6,
    predictability: Likelihood = "any",
    instances: Annotated[int, typer.Option(metavar="N", min=1, help="Problems of each template.")] = 50,
    model: Writer = None,
    max_usd: MaxUsd = None,
    yes: Yes = False,
    skip_bad: SkipBad = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a dataset of problems as JSON lines: id, context, query, answer, source, context_id, tags.

    The file is written at the end, whole or not at all; one that is there is kept unless --force is given. The same
    sources, options and seed give the same file.
    """
    from sleeptime.cli.output import progress_bar
    from sleeptime.lab.datasets.build import Request
    from sleeptime.lab.datasets.jsonl import check_target, write_problems
    from sleeptime.lab.datasets.registry import builder_of
    from sleeptime.lab.datasets.worlds import Predictability, WorldSet

    builder = builder_of(dataset)
    _refuse_foreign_options(context, dataset, builder.options)
    check_target(output, overwrite=force)
    request = Request(
        sources=tuple(sources or ()),
        seed=seed,
        limit=limit,
        queries=queries,
        which=WorldSet(split),
        min_depth=min_depth,
        max_depth=max_depth,
        predictability=Predictability(predictability),
        instances=instances,
        can_skip=skip_bad,
    )
    if model is not None:
        request = _with_model(request, model, max_usd, is_agreed=yes)
    with progress_bar(f"building {dataset}") as bar:
        built = asyncio.run(_build(builder.build(request, bar.update), request))
    digest = write_problems(output, built.problems, overwrite=force)
    _show(dataset, output, request, built, digest, as_json=as_json)


_OWN_OPTIONS = frozenset(
    {"queries", "split", "min_depth", "max_depth", "predictability", "instances", "model", "max_usd", "yes", "skip_bad"}
)
"""Options that only some datasets read."""


def _refuse_foreign_options(context: typer.Context, dataset: str, read: frozenset[str]) -> None:
    """Raise for an option that was given and that this dataset does not read: it would change nothing, unseen."""
    from sleeptime.core.errors import InputError

    for name in sorted(_OWN_OPTIONS - read):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            allowed = ", ".join(f"--{option.replace('_', '-')}" for option in sorted(read))
            raise InputError(f"--{name.replace('_', '-')} means nothing for {dataset}; its own options: {allowed}")


def _with_model(request: Request, name: str, max_usd: float | None, *, is_agreed: bool) -> Request:
    """The request with its model, capped and agreed to.

    Raises:
        InputError: the model cannot be used or capped, or calls may cost money and there is nobody to ask.
        Abort: the user does not agree.
    """
    import random
    from dataclasses import replace

    from sleeptime.lab.datasets.multi_query import DEFAULT_QUERIES, estimate_multi_query, multi_query_contexts
    from sleeptime.models.resolve import resolve_model
    from sleeptime.models.retry import RetryModel

    resolved = resolve_model(name)
    usage = estimate_multi_query(multi_query_contexts(request), request.queries or DEFAULT_QUERIES)
    model = agreed_model(resolved, usage, max_usd, is_agreed=is_agreed, least_cap_usd=LEAST_CAP_USD)
    return replace(request, model=RetryModel(model, rng=random.Random()))


async def _build(work: Awaitable[Build], request: Request) -> Build:
    """Await the work, and close the model's connections at the end."""
    if request.model is None:
        return await work
    async with request.model:
        return await work


def _show(dataset: str, output: Path, request: Request, built: Build, digest: str, *, as_json: bool) -> None:
    """Say what was written, what was left out and what the calls took."""
    from sleeptime.cli.output import hint, print_json, say, usd

    for skipped in built.skipped[:SHOWN]:
        hint(f"left out: {skipped.name}: {skipped.reason}")
    if len(built.skipped) > SHOWN:
        hint(f"and {len(built.skipped) - SHOWN:,} more")
    cost_usd = _cost_usd(request, built)
    if as_json:
        print_json(
            {
                "dataset": dataset,
                "output": str(output),
                "problems": len(built.problems),
                "contexts": built.num_contexts,
                "seed": request.seed,
                "sha256": digest,
                "skipped": [{"name": skipped.name, "reason": skipped.reason} for skipped in built.skipped],
                "usage": built.usage.as_dict(),
                "cost_usd": cost_usd,
            }
        )
        return
    contexts, problems = counted(built.num_contexts, "context"), counted(len(built.problems), "problem")
    say(f"{output}: {problems} on {contexts}, sha256 {digest[:16]}")
    if request.model is not None:
        say(f"{built.usage.input_tokens:,} tokens in, {built.usage.output_tokens:,} out, {usd(cost_usd)}")


def _cost_usd(request: Request, built: Build) -> float | None:
    """What the calls cost by the list price of their tokens; None when it is unknown."""
    from sleeptime.core.price import billed_cost_usd
    from sleeptime.models.prices import price_of

    if request.model is None:
        return 0.0
    price = price_of(request.model.model_name, request.model.system, base_url=request.model.base_url)
    return None if price is None else billed_cost_usd(built.usage, price)
