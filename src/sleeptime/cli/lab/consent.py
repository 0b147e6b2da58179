"""Consent: a command that may cost money says how much, and asks."""

from __future__ import annotations

import sys

import typer

CAP_OVER_ESTIMATE = 2.0
"""The cap of paid calls that name none, in estimates."""


def ask_consent(what: str, cost_usd: float | None, cap_usd: float | None, *, is_agreed: bool) -> None:
    """Say on stderr what may be spent, and return when the user agrees.

    Args:
        what: the calls and tokens, in words.
        cost_usd: estimate; None where the price is unknown.
        cap_usd: hard cap; None for none.
        is_agreed: the user said so beforehand.

    Raises:
        InputError: there is nobody to ask.
        Abort: the user does not agree.
    """
    from sleeptime.cli.output import hint, usd
    from sleeptime.core.errors import InputError

    cap = "no cap, because the price is unknown" if cap_usd is None else f"cap {usd(cap_usd)}"
    hint(f"{what}, cost {usd(cost_usd)}; {cap}")
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise InputError("this may cost money, and there is no terminal to ask on; add --yes to agree")
    typer.confirm("Go on?", abort=True, err=True)
