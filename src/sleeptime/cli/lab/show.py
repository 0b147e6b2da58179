"""What experiments found, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sleeptime.cli.output import print_table

if TYPE_CHECKING:
    from sleeptime.lab.experiments.experiment import Findings

MET = {True: "yes", False: "no", None: "undecided"}


def show_claims(found: Mapping[str, Findings]) -> None:
    """Print every target with what was measured."""
    rows = [
        (name, claim.target, claim.measured, MET[claim.is_met])
        for name, findings in found.items()
        for claim in findings.claims
    ]
    print_table(["experiment", "target", "measured", "met"], rows)


def claim_dicts(found: Mapping[str, Findings]) -> dict[str, Any]:
    """The same as JSON, with the summaries."""
    return {
        name: {"summary": findings.summary, "claims": [asdict(claim) for claim in findings.claims]}
        for name, findings in found.items()
    }
