"""Report: the findings of experiments as JSON, figures, and one page that shows them all.

Made from records alone. One JSON per experiment holds every number with the command, seed, versions and digests it came
from; the page is made from those files, so experiments can be run one at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sleeptime.core.errors import InputError
from sleeptime.lab.experiments.experiment import Experiment, Findings

PAGE = "README.md"


def write_findings(folder: Path, experiment: Experiment, findings: Findings, made_with: Mapping[str, Any]) -> Path:
    """Write an experiment's figures and its JSON; returns the path of the JSON.

    Args:
        folder: of the results.
        experiment: that was analysed.
        findings: of its records.
        made_with: command, seed, versions and digests.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for figure in findings.figures:
        _write(folder / f"{figure.name}.svg", figure.svg)
    found = {
        "experiment": experiment.name,
        "question": experiment.question,
        "made_with": dict(made_with),
        "summary": findings.summary,
        "claims": [asdict(claim) for claim in findings.claims],
        "tables": [asdict(table) for table in findings.tables],
        "figures": [{"file": f"{figure.name}.svg", "caption": figure.caption} for figure in findings.figures],
        "data": dict(findings.data),
    }
    path = folder / f"{experiment.name}.json"
    _write(path, json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def write_page(folder: Path, order: Sequence[str]) -> Path:
    """Write the page of all experiments whose JSON lies in the folder; returns its path.

    Args:
        folder: of the results.
        order: names of experiments as they follow each other.

    Raises:
        InputError: the folder holds no results, or a file of them cannot be read.
    """
    results = [_read(path) for name in order if (path := folder / f"{name}.json").exists()]
    if not results:
        raise InputError(f"there are no results in {folder}; run `sleeptime lab run` first")
    lines = [files("sleeptime.lab").joinpath("page.md").read_text(encoding="utf-8").rstrip(), ""]
    lines += ["## Made with", "", *_stories(results), ""]
    lines += ["## Targets", "", "| experiment | target | measured | met |", "| --- | --- | --- | --- |"]
    for result in results:
        lines += result.targets
    lines.append("")
    for result in results:
        lines += result.section
    path = folder / PAGE
    _write(path, "\n".join(lines).rstrip() + "\n")
    return path


_MET = {True: "yes", False: "**no**", None: "undecided"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A result as lines of the page."""

    experiment: str
    story: str
    targets: list[str]
    section: list[str]


def _stories(results: Sequence[_Shown]) -> list[str]:
    """How all results were made, or each where they differ."""
    told: dict[str, list[str]] = {}
    for result in results:
        told.setdefault(result.story, []).append(result.experiment)
    return [f"- {', '.join(names)}: {story}" for story, names in told.items()]


def _story(made: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    weights = f", weights `{made['weights'][:16]}`" if made["weights"] else ""
    quick = " A quick run: its figures are no results." if made["is_quick"] else ""
    return (
        f"model `{made['model']}`{weights}, dataset `{made['dataset']}` ({made['problems']:,} queries of "
        f"{made['contexts']:,} contexts), seed {made['seed']}, prices of `{made['price_model']}`; {versions}.{quick} "
        f"Command: `{made['command']}`"
    )


def _targets(result: Mapping[str, Any]) -> list[str]:
    link = f"[{result['experiment']}](#{result['experiment']})"
    return [
        f"| {link} | {_cell(claim['target'])} | {_cell(claim['measured'])} | {_MET[claim['is_met']]} |"
        for claim in result["claims"]
    ]


def _section(result: Mapping[str, Any]) -> list[str]:
    lines = [f"## {result['experiment']}", "", f"*{result['question']}*", "", result["summary"].strip(), ""]
    for figure in result["figures"]:
        lines += [f"![{figure['caption']}]({figure['file']})", "", f"*{figure['caption']}*", ""]
    for table in result["tables"]:
        lines += [f"**{table['title']}**", "", _row(table["header"]), _row("---" for _ in table["header"])]
        lines += [_row(row) for row in table["rows"]]
        lines += ["", *([table["note"], ""] if table["note"] else [])]
    return [*lines, f"Every number: [{result['experiment']}.json]({result['experiment']}.json)", ""]


def _row(cells: Any) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _read(path: Path) -> _Shown:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return _Shown(found["experiment"], _story(found["made_with"]), _targets(found), _section(found))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is no result of this version ({type(error).__name__}: {error}); remove it, and `sleeptime lab "
            "report` makes it anew"
        ) from error


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
