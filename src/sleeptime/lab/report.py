"""Report: the findings of experiments as JSON, figures, and one page that shows them all.

Made from records alone. One JSON per experiment holds every number with the command, seed, versions and digests it came
from; the page is made from those files, so experiments can be run one at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
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
    lines += _made_with(results)
    lines += ["## Targets", "", "| experiment | target | measured | met |", "| --- | --- | --- | --- |"]
    for result in results:
        lines += [
            f"| [{result['experiment']}](#{result['experiment']}) | {_cell(claim['target'])} | "
            f"{_cell(claim['measured'])} | {_MET[claim['is_met']]} |"
            for claim in result["claims"]
        ]
    lines.append("")
    for result in results:
        lines += _section(result)
    path = folder / PAGE
    _write(path, "\n".join(lines).rstrip() + "\n")
    return path


_MET = {True: "yes", False: "**no**", None: "undecided"}


def _made_with(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """How all results were made, or each where they differ."""
    lines = ["## Made with", ""]
    stories: dict[str, list[str]] = {}
    for result in results:
        made = result["made_with"]
        versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
        quick = " A quick run: its figures are no results." if made.get("is_quick") else ""
        story = (
            f"model `{made['model']}`, weights `{str(made['weights'])[:16]}`, dataset `{made['dataset']}` "
            f"({made['problems']:,} queries of {made['contexts']:,} contexts), seed {made['seed']}, prices of "
            f"`{made['price_model']}`; {versions}.{quick} Command: `{made['command']}`"
        )
        stories.setdefault(story, []).append(result["experiment"])
    for story, names in stories.items():
        lines += [f"- {', '.join(names)}: {story}"]
    return [*lines, ""]


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


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}); `sleeptime lab report` makes it anew") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds no results; `sleeptime lab report` makes it anew")
    return found


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
