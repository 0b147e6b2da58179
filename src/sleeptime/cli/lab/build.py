"""`sleeptime lab build`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sleeptime.cli.lab.consent import CAP_OVER_ESTIMATE, ask_consent
from sleeptime.cli.options import MODELS, Json
from sleeptime.core.counted import counted

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sleeptime.lab.datasets.build import Build, Request


LEAST_CAP_USD = 0.25
"""The least cap of paid calls that name none: room for the worst case of a few calls."""


def build(
    context: typer.Context,
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="worlds, stateful-gsm-symbolic, stateful-aime, multi-query or released."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where the JSON lines go.")],
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="File, folder, or hub:OWNER/NAME#CONFIG/SPLIT; none for worlds."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Contexts at most, drawn evenly [100 worlds, else all].")
    ] = None,
    queries: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Queries of each context [worlds 1, multi-query 10].")
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test", "held-out"],
        typer.Option(help="Worlds of this split, or test worlds of the families held out."),
    ] = "test",
    min_depth: Annotated[int, typer.Option(min=1, help="Fewest steps to the answer of a world's query.")] = 1,
    max_depth: Annotated[int, typer.Option(min=1, help="Most steps to the answer of a world's query.")] = 6,
    predictability: Annotated[
        Literal["any", "likely", "unlikely", "own-number"],
        typer.Option(help="Which queries of worlds: own-number ones bring a number of their own."),
    ] = "any",
    instances: Annotated[int, typer.Option(metavar="N", min=1, help="Problems of each template.")] = 50,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help=f"Writes the queries of multi-query: {MODELS}.")
    ] = None,
    max_usd: Annotated[
        float | None,
        typer.Option(metavar="USD", min=0, help="Hard cap on what the model may cost [twice the estimate]."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before calls that cost money.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows and templates that cannot be used, and name them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a dataset of problems as JSON lines: id, context, query, answer, source, context_id, tags.

    The file is written at the end, whole or not at all; one that is there is kept unless --force is given. The same
    sources, options and seed give the same file.
    """
    from sleeptime.cli.output import hint, print_json, progress_bar, say, usd
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
    for skipped in built.skipped[:20]:
        hint(f"left out: {skipped.name}: {skipped.reason}")
    if len(built.skipped) > 20:
        hint(f"and {len(built.skipped) - 20:,} more")
    if as_json:
        print_json(_as_dict(dataset, output, built, digest, seed, _cost_usd(request, built)))
    else:
        contexts, problems = counted(built.num_contexts, "context"), counted(len(built.problems), "problem")
        say(f"{output}: {problems} on {contexts}, sha256 {digest[:16]}")
        if request.model is not None:
            tokens = f"{built.usage.input_tokens:,} tokens in, {built.usage.output_tokens:,} out"
            say(f"{tokens}, {usd(_cost_usd(request, built))}")


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

    from sleeptime.core.errors import InputError
    from sleeptime.core.price import billed_cost_usd
    from sleeptime.lab.cap import CappedModel
    from sleeptime.lab.datasets.multi_query import DEFAULT_QUERIES, estimate_multi_query, multi_query_contexts
    from sleeptime.models.prices import price_of
    from sleeptime.models.resolve import resolve_model
    from sleeptime.models.retry import RetryModel

    model = resolve_model(name)
    price = price_of(model.model_name, model.system, base_url=model.base_url)
    usage = estimate_multi_query(multi_query_contexts(request), request.queries or DEFAULT_QUERIES)
    cost = None if price is None else billed_cost_usd(usage, price)
    if max_usd is not None and price is None:
        raise InputError(f"the price of {name!r} is unknown, so a cap in USD cannot hold; leave --max-usd out")
    if cost != 0 and usage.output_tokens:
        if cost is not None and max_usd is None:
            max_usd = max(CAP_OVER_ESTIMATE * cost, LEAST_CAP_USD)
        tokens = f"about {usage.input_tokens:,} input and {usage.output_tokens:,} output tokens"
        ask_consent(tokens, cost, max_usd, is_agreed=is_agreed)
    capped = model if price is None or max_usd is None else CappedModel(model, price, max_usd)
    return replace(request, model=RetryModel(capped, rng=random.Random()))


async def _build(work: Awaitable[Build], request: Request) -> Build:
    """Await the work, and close the model's connections at the end."""
    if request.model is None:
        return await work
    async with request.model:
        return await work


def _as_dict(
    dataset: str, output: Path, built: Build, digest: str, seed: int, cost_usd: float | None
) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "output": str(output),
        "problems": len(built.problems),
        "contexts": built.num_contexts,
        "seed": seed,
        "sha256": digest,
        "skipped": [{"name": skipped.name, "reason": skipped.reason} for skipped in built.skipped],
        "usage": built.usage.as_dict(),
        "cost_usd": cost_usd,
    }


def _cost_usd(request: Request, built: Build) -> float | None:
    """What the calls cost by the list price of their tokens; None when it is unknown."""
    from sleeptime.core.price import billed_cost_usd
    from sleeptime.models.prices import price_of

    if request.model is None:
        return 0.0
    price = price_of(request.model.model_name, request.model.system, base_url=request.model.base_url)
    return None if price is None else billed_cost_usd(built.usage, price)
