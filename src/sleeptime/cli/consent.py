"""Consent: a command that may cost money says how much, asks, and holds the model to a cap."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from sleeptime.core.usage import Usage

CAP_OVER_ESTIMATE = 2.0
"""The cap of paid calls that name none, in estimates."""

MaxUsd = Annotated[
    float | None,
    typer.Option("--max-usd", metavar="USD", min=0, help="Hard cap on what this run spends [twice the estimate]."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before a run that costs money.")]


def agreed_model(
    model: Model, usage: Usage, max_usd: float | None, *, is_agreed: bool, calls: str = "", least_cap_usd: float = 0.0
) -> Model:
    """The model under the cap that the user agrees to; without one where it costs nothing or has no known price.

    Args:
        model: that will be called.
        usage: estimate of the tokens; none where nothing is left to be called.
        max_usd: cap that the user gave; None for `CAP_OVER_ESTIMATE` times the estimate.
        is_agreed: the user said so beforehand.
        calls: how many, in words.
        least_cap_usd: the least cap where the user gave none.

    Raises:
        InputError: a cap is given and the price is unknown, or there is nobody to ask.
        Abort: the user does not agree.
    """
    from sleeptime.core.errors import InputError
    from sleeptime.core.price import billed_cost_usd
    from sleeptime.core.usage import Usage
    from sleeptime.lab.cap import CappedModel
    from sleeptime.models.prices import price_of

    price = price_of(model.model_name, model.system, base_url=model.base_url)
    if max_usd is not None and price is None:
        raise InputError(
            f"the price of {model.model_name!r} is unknown, so a cap in USD cannot hold; leave --max-usd out to run "
            "without one"
        )
    cost = None if price is None else billed_cost_usd(usage, price)
    if cost != 0 and usage != Usage():
        if cost is not None and max_usd is None:
            max_usd = max(CAP_OVER_ESTIMATE * cost, least_cap_usd)
        tokens = f"about {usage.input_tokens:,} input and {usage.output_tokens:,} output tokens"
        _ask(f"{calls}: {tokens}" if calls else tokens, cost, max_usd, is_agreed=is_agreed)
    return model if price is None or max_usd is None else CappedModel(model, price, max_usd)


def _ask(what: str, cost_usd: float | None, cap_usd: float | None, *, is_agreed: bool) -> None:
    """Say on stderr what may be spent, and return when the user agrees."""
    from sleeptime.cli.output import hint, usd
    from sleeptime.core.errors import InputError

    cap = "no cap, because the price is unknown" if cap_usd is None else f"cap {usd(cap_usd)}"
    hint(f"{what}, cost {usd(cost_usd)}; {cap}")
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise InputError("this may cost money, and there is no terminal to ask on; add --yes to agree")
    typer.confirm("Go on?", abort=True, err=True)
