"""How the weights of the package were fitted: ``swe.fusion.PRIOR``, which an index starts from before any replay.

``python -m training.swe_weights REPOSITORY@REV TASKS`` takes the history of a repository, with tasks that ``sleeptime
swe build`` wrote, and the generated families `families.TUNE` with two seeds each. It prints the weights that all of
them speak for, and F1 of each repository from weights that its own family had no part in. Nothing held out is read.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import numpy as np

from sleeptime.swe.blobs import BlobKey, load_blobs
from sleeptime.swe.corpus import assembled, listing
from sleeptime.swe.families import TUNE
from sleeptime.swe.fusion import Evidence, features, fit, num_named, probabilities, regression, strengths
from sleeptime.swe.generated import generate
from sleeptime.swe.index import REPLAYS
from sleeptime.swe.mainline import load_mainline
from sleeptime.swe.past import Past
from sleeptime.swe.query import Query
from sleeptime.swe.replay import Replays
from sleeptime.swe.repository import FileKind, Repository
from sleeptime.swe.score import score
from sleeptime.swe.signals import NAMES, Searched
from sleeptime.swe.tasks import Task, read_tasks

SEEDS: Final = (0, 1)
WEIGHTS: Final = (*NAMES, "source", "bias")
HELD: Final = {"similar": 0.5}
"""Not fitted: `messages` and `analogous` say much of the same, so that it would come out below 0."""
RIDGE: Final = 0.05
SHARE: Final = 100.0
"""Tasks that a family counts as, whatever it has."""


class Asked(NamedTuple):
    """A task, as an index sees it: features and truth of each file, and the replays that were there before it."""

    task: Task
    paths: tuple[str, ...]
    rows: np.ndarray
    truth: np.ndarray
    replayed: list[Evidence]


@dataclass(frozen=True, slots=True)
class Source:
    """A repository with everything that was asked of it."""

    name: str
    family: str
    asked: list[Asked]

    @classmethod
    def of(cls, name: str, family: str, repository: Repository, tasks: Sequence[Task]) -> Source:
        """Ask every task at its base."""
        files = {path: file.blob for path, file in repository.files().items() if file.kind is FileKind.TEXT}
        mainline = load_mainline(repository, None, print)
        past = Past.of(mainline, files)
        places = {commit_id: place for place, commit_id in enumerate(mainline.ids)}
        replays = Replays.of(past, len(mainline), None)
        sinces = {*replays.moments, *(places[task.base_commit] for task in tasks)}
        listings = {since: listing(past, since) for since in sinces}
        wanted: dict[BlobKey, str] = {key: path for rows in listings.values() for path, _, key in rows}
        corpus, moments = assembled(past, mainline.words, listings, load_blobs(repository, None, wanted))
        evidence = dict(zip(replays.ids, replays.run(corpus, moments, None), strict=True))
        asked = []
        for task in tasks:
            since = places[task.base_commit]
            moment = moments[since]
            found = strengths(Searched(corpus, moment, Query.of(task.query).weights).scores())
            truth = np.isin(moment.paths, task.modified_all).astype(float)
            before = [evidence[place] for place in evidence if place >= since][:REPLAYS]
            asked.append(Asked(task, moment.paths, features(found, moment.is_source), truth, before))
        return cls(name, family, asked)


def fitted(sources: Sequence[Source]) -> np.ndarray:
    """The weights that all tasks speak for, each family as much as the others."""
    num = Counter(source.family for source in sources for _ in source.asked)
    asked = [(one, SHARE / num[source.family]) for source in sources for one in source.asked]
    start = np.array([HELD.get(name, 0.0) for name in WEIGHTS])
    ridge = np.array([1e12 if name in HELD else RIDGE for name in WEIGHTS])
    times = np.concatenate([np.full(len(one.truth), weight) for one, weight in asked])
    rows, truth = np.vstack([one.rows for one, _ in asked]), np.concatenate([one.truth for one, _ in asked])
    return np.round(regression(rows, truth, times, start, ridge), 1)


def f1(source: Source, start: np.ndarray) -> float:
    """Mean F1 of a repository's tasks, tuned on its own replays from given weights."""
    found = []
    for one in source.asked:
        likely = probabilities(fit(one.replayed, start), one.rows)
        order = np.argsort(-likely, kind="stable")
        order = order[(one.rows[order, : len(NAMES) - 1] > 0).any(axis=1)]
        predicted = [one.paths[place] for place in order[: num_named(likely[order])]]
        found.append(score(predicted, one.task.modified_all).f1)
    return fmean(found)


def main() -> None:
    """Fit, and print."""
    parser = argparse.ArgumentParser(prog="python -m training.swe_weights", description=__doc__)
    parser.add_argument("repository", help="PATH@REV")
    parser.add_argument("tasks", type=Path, help="its tasks, by `sleeptime swe build`")
    given = parser.parse_args()
    path, _, rev = given.repository.partition("@")
    sources = [Source.of("own", "own", Repository.open(Path(path), rev or "HEAD"), read_tasks(given.tasks))]
    with TemporaryDirectory() as folder:
        for family in TUNE:
            for seed in SEEDS:
                made = generate(Path(folder) / f"{family}-{seed}", family, seed=seed)
                sources.append(Source.of(f"{family}-{seed}", family, Repository.open(made.path), made.tasks))
    apart = {
        source.name: round(f1(source, fitted([other for other in sources if other.family != source.family])), 4)
        for source in sources
    }
    weights = dict(zip(WEIGHTS, fitted(sources).tolist(), strict=True))
    print(json.dumps({"weights": weights, "f1_without_own_family": apart}, indent=2))


if __name__ == "__main__":
    main()
