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
from sleeptime.lab.datasets.worlds import WorldSet
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

    Folders below that hold results of held-out families are told on it with a link, apart from the others.

    Args:
        folder: of the results.
        order: names of experiments as they follow each other.

    Raises:
        InputError: the folder holds no results, or a file of them cannot be read.
    """
    results = _results(folder, order)
    if not results:
        raise InputError(f"there are no results in {folder}; run `sleeptime lab run` first")
    is_held_out = all(result.is_held_out for result in results)
    words = files("sleeptime.lab").joinpath("page_held_out.md" if is_held_out else "page.md")
    lines = [words.read_text(encoding="utf-8").rstrip(), ""]
    lines += ["## Made with", "", *_stories(results), ""]
    lines += _targets(results, is_held_out=is_held_out)
    if not is_held_out:
        lines += _held_out_below(folder, order)
    for result in results:
        lines += result.section
    path = folder / PAGE
    _write(path, "\n".join(lines).rstrip() + "\n")
    return path


_HELD_OUT = (
    "Worlds of three families that nano was never trained on: they put words and relations that other families teach "
    "together in new ways."
)
_NO_VERDICT = (
    "Targets are set for new worlds of the families that nano was trained on. Here they only say what the same figures "
    "come to on families held out: none of them is met or missed."
)
_MET = {True: "yes", False: "**no**", None: "undecided"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A result as lines of the page."""

    experiment: str
    story: str
    summary: str
    targets: Sequence[tuple[str, ...]]
    section: list[str]
    is_held_out: bool


def _results(folder: Path, order: Sequence[str]) -> list[_Shown]:
    """Of all experiments that have any in a folder."""
    return [_read(path) for name in order if (path := folder / f"{name}.json").exists()]


def _held_out_below(folder: Path, order: Sequence[str]) -> list[str]:
    """What folders below say of families held out, in short."""
    lines = []
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        results = [result for result in _results(below, order) if result.is_held_out]
        if results:
            page = f"[{below.name}]({below.name}/{PAGE})"
            lines += [f"## {below.name}", "", f"{_HELD_OUT} All of it: {page}.", "", *_stories(results), ""]
            for result in results:
                lines += [f"*{result.experiment}*: {result.summary}", ""]
    return lines


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


def _targets(results: Sequence[_Shown], *, is_held_out: bool) -> list[str]:
    """What was asked and measured, with a verdict but on families held out."""
    header = ("experiment", "target", "measured", "met")
    columns = len(header) - is_held_out
    rows = (header, ["---"] * columns, *(row for result in results for row in result.targets))
    return ["## Targets", "", *([_NO_VERDICT, ""] if is_held_out else []), *(_row(row[:columns]) for row in rows), ""]


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
        made = found["made_with"]
        is_held_out = made.get("worlds") == WorldSet.HELD_OUT
        name, summary = found["experiment"], found["summary"].strip()
        link = f"[{name}](#{name})"
        targets = [(link, claim["target"], claim["measured"], _MET[claim["is_met"]]) for claim in found["claims"]]
        return _Shown(name, _story(made), summary, targets, _section(found), is_held_out)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is no result of this version ({type(error).__name__}: {error}); remove it, and `sleeptime lab "
            "report` makes it anew"
        ) from error


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
