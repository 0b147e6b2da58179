"""Which paths play the same part for different things."""

from __future__ import annotations

import numpy as np

from sleeptime.swe.roles import Roles

PATHS = ("api/orders.py", "api/parcels.py", "tests/test_order.py", "tests/test_parcel.py", "events.py")


def _pairs(roles: Roles) -> set[tuple[int, ...]]:
    """Which paths share a role."""
    groups = [roles.paths[roles.roles == role].tolist() for role in np.unique(roles.roles)]
    return {tuple(group) for group in groups if len(group) > 1}


def test_paths_that_differ_in_one_word_share_a_role_and_no_others_do() -> None:
    assert _pairs(Roles.of(PATHS)) == {(0, 1), (2, 3)}


def test_forms_of_one_word_are_one_subject() -> None:
    roles = Roles.of(PATHS)
    *subjects, py = [set(roles.subjects[roles.paths == number].tolist()) for number in range(len(PATHS))]
    orders, parcels = (subjects[0] & subjects[2]) - py, (subjects[1] & subjects[3]) - py
    assert len(orders) == len(parcels) == 1
    assert orders != parcels


def test_a_word_that_stands_twice_is_replaced_in_both_places() -> None:
    assert _pairs(Roles.of(("deed/deed_test.go", "loan/loan_test.go", "deed/loan_test.go"))) == {(0, 1)}


def test_what_no_other_path_has_is_left_out_where_only_some_paths_are_there() -> None:
    roles = Roles.of(PATHS).among(np.array([1, 2, 3]))
    assert _pairs(roles) == {(1, 2)}
    assert set(roles.paths.tolist()) == {1, 2}
    assert roles.of_paths(np.array([1])).tolist() == roles.of_paths(np.array([1, 2])).tolist()


def test_there_are_none_without_paths_and_none_in_paths_without_words() -> None:
    for paths in ((), ("0001", "0002")):
        roles = Roles.of(paths).among(np.arange(len(paths)))
        assert len(roles.paths) == 0
        assert len(roles.of_paths(np.arange(len(paths)))) == 0
