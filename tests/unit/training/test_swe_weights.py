"""The fit of the weights that an index starts from."""

from __future__ import annotations

import numpy as np
import pytest

from sleeptime.swe.fusion import prior
from sleeptime.swe.generated import generate
from sleeptime.swe.repository import Repository
from training.swe_weights import HELD, WEIGHTS, Source, f1, fitted


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    made = generate(tmp_path_factory.mktemp("swe") / "clinic", "clinic", seed=5, commits=140)
    return Source.of("clinic-5", "clinic", Repository.open(made.path), made.tasks)


def test_fitted_weights_find_more_than_none_at_all(source: Source) -> None:
    untuned = Source(source.name, source.family, [one._replace(replayed=[]) for one in source.asked])
    weights = fitted([source])
    assert dict(zip(WEIGHTS, weights, strict=True)).items() >= HELD.items()
    assert f1(untuned, weights) > f1(untuned, np.zeros(len(WEIGHTS)))


def test_a_task_knows_the_replays_before_it_alone(source: Source) -> None:
    numbers = [len(one.replayed) for one in source.asked]
    assert numbers == sorted(numbers)
    assert numbers[0] < numbers[-1]


def test_the_weights_of_the_package_are_in_the_order_of_the_fit(source: Source) -> None:
    assert len(prior()) == len(WEIGHTS) == source.asked[0].rows.shape[1]
