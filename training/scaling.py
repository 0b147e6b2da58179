"""How nano's accuracy grows with training tokens and with its size: one page, one figure, one JSON file.

    python -m training.scaling runs/scaling/*/*-weights runs/nano/*-weights

Each folder holds exported weights (`training.export`). What was measured stays in `<output>/nano-scaling.json`, so that
only new weights are evaluated. Test contexts of the training families; nothing was chosen by these figures.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sleeptime.lab.experiments.wording import percent
from sleeptime.lab.figures import Axis, LineChart, PointChart, Series, Style, figure_svg
from sleeptime.lab.statistics import Estimate
from sleeptime.lab.worlds import TRAINING, Split
from training.evaluate import evaluate

COMMAND = "make scaling"
NAME = "nano-scaling"
RELEASED = "nano"
"""The run of `make weights`; the others are as long as each other, one for each size."""
CELLS = {
    "v0_one_draft": ("`v0`, one draft", Style.AUTO, "v0", "with_sleep"),
    "v3_alone": ("`v3` alone", Style.FULL, "v3", "without_sleep"),
    "v0_alone": ("`v0` alone", Style.OTHER, "v0", "without_sleep"),
}
"""What is shown: label, look, budget and arm of `training.evaluate`."""


@dataclass(frozen=True, slots=True)
class Point:
    """One set of weights and what it can do.

    Attributes:
        run: the training run that they are from, after its folder.
        stage_progress: 1 where the learning rate had fallen; below, the weights are from the middle of a stage.
        notes_right: share of right lines in the notes of one draft.
    """

    sha256: str
    run: str
    width: int
    parameters: int
    trained_tokens: int
    stage_progress: float
    accuracy: dict[str, Estimate]
    notes_right: float

    @property
    def is_finished(self) -> bool:
        return self.stage_progress >= 1

    @property
    def told(self) -> str:
        return "`make weights`" if self.run == RELEASED else "one stage"

    @classmethod
    def of(cls, saved: dict[str, Any]) -> Point:
        """Read a point back from JSON."""
        accuracy = {name: Estimate(**figure) for name, figure in saved["accuracy"].items()}
        return cls(**saved | {"accuracy": accuracy})


def measure(weights: Path, contexts: int, queries: int, seed: int) -> Point:
    """Evaluate one folder of weights on test contexts."""
    config = json.loads((weights / "config.json").read_text())
    found = evaluate(weights, Split.TEST, contexts, queries, seed, sets={"test": TRAINING})
    budgets = found["test"]["budgets"]
    return Point(
        config["sha256"],
        weights.parent.name,
        config["width"],
        config["parameters"],
        config["trained_tokens"],
        config["stage_progress"],
        {name: Estimate(**budgets[budget][arm]["accuracy"]) for name, (_, _, budget, arm) in CELLS.items()},
        found["test"]["notes"]["right"],
    )


def draw(points: list[Point]) -> str:
    """Accuracy by training tokens in the released run, and by size in runs of equal length."""
    right = Axis("right answers", percent=True, limits=(0.0, 1.0))
    panels: list[LineChart | PointChart] = []
    if by_tokens := [point for point in points if point.run == RELEASED]:
        series = _series(by_tokens, "trained_tokens", 1e6)
        panels.append(LineChart("By training tokens", series, Axis("million tokens"), right))
    if by_size := [point for point in points if point.run != RELEASED]:
        series = _series(by_size, "parameters", 1e6)
        panels.append(PointChart("By size, at equal tokens", series, Axis("million parameters"), right))
    caption = (
        "Accuracy of nano on test contexts by training tokens and by parameters; bands and bars are 95 % intervals, "
        "clustered by context."
    )
    return figure_svg(panels, title="How nano's accuracy grows", description=caption)


def page(points: list[Point], contexts: int, queries: int, seed: int) -> str:
    """The page in Markdown."""
    rows = [
        f"| {p.told} | {p.parameters / 1e6:.2f} M (width {p.width}) | {p.trained_tokens / 1e6:.1f} M | "
        f"{'yes' if p.is_finished else 'no'} | {' | '.join(percent(p.accuracy[name]) for name in CELLS)} | "
        f"{100 * p.notes_right:.0f} % |"
        for p in points
    ]
    header = " | ".join(label for label, *_ in CELLS.values())
    return "\n".join(
        [
            "# How nano's accuracy grows with training",
            "",
            f"![Accuracy by training tokens and by size](results/{NAME}.svg)",
            "",
            f"n = {contexts * queries:,} queries of {contexts} test contexts, greedy, seed {seed}; 95 % bootstrap",
            f"intervals, clustered by context. Command: `{COMMAND}`, after `make weights`; hours on two cores.",
            "",
            f"| run | parameters | training tokens | rate had fallen | {header} | notes right |",
            f"| --- | --- | --- | --- | {' | '.join('---' for _ in CELLS)} | --- |",
            *rows,
            "",
            "Weights from the middle of a stage (rate had not fallen) are worse than a run that ends there would be:",
            "compare the one-stage run of the same width. What more tokens and more parameters give is read from runs",
            "whose rate had fallen.",
            "",
        ]
    )


def _series(points: list[Point], name: str, unit: float) -> tuple[Series, ...]:
    x = [getattr(point, name) / unit for point in points]
    return tuple(
        Series.of(label.replace("`", ""), x, [point.accuracy[cell] for point in points], style)
        for cell, (label, style, *_) in CELLS.items()
    )


def main() -> None:
    """Evaluate what is new, then write JSON, figure and page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="*", help="folders of exported weights")
    parser.add_argument("--contexts", type=int, default=150)
    parser.add_argument("--queries", type=int, default=4, help="queries per context")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("docs"), help="folder of the page")
    options = parser.parse_args()
    kept = options.output / "results" / f"{NAME}.json"
    drawn = {"command": COMMAND, "contexts": options.contexts, "queries": options.queries, "seed": options.seed}
    saved = json.loads(kept.read_text()) if kept.exists() else {}
    known = saved["points"] if {key: saved.get(key) for key in drawn} == drawn else []
    points = {point["sha256"]: Point.of(point) for point in known}
    for folder in options.weights:
        digest = json.loads((folder / "config.json").read_text())["sha256"]
        if digest not in points:
            print(folder, flush=True)
            points[digest] = measure(folder, options.contexts, options.queries, options.seed)
        found = sorted(points.values(), key=lambda p: (p.run, p.width, p.trained_tokens))
        kept.write_text(json.dumps(drawn | {"points": [asdict(point) for point in found]}, indent=1) + "\n")
    found = sorted(points.values(), key=lambda p: (p.run, p.width, p.trained_tokens))
    (options.output / "results" / f"{NAME}.svg").write_text(draw(found))
    (options.output / f"{NAME}.md").write_text(page(found, options.contexts, options.queries, options.seed))


if __name__ == "__main__":
    main()
