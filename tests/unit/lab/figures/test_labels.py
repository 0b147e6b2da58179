"""Labels: beside what they name, off the lines, off each other, inside."""

import numpy as np

from sleeptime.lab.figures.labels import Box, Label, along, place

WINDOW = Box(0, 0, 500, 300)
NOTHING = np.empty((0, 2))


def label(anchors: list[list[float]], own: np.ndarray, others: np.ndarray = NOTHING) -> Label:
    return Label(np.array(anchors, dtype=float), 60, 12, own, others)


def test_a_lone_label_stands_to_the_right_of_its_best_anchor() -> None:
    (box,) = place([label([[100, 100], [10, 10]], np.array([[100.0, 100.0]]))], WINDOW)
    assert box == Box(107, 94, 167, 106)


def test_a_label_at_the_edge_turns_inwards() -> None:
    (box,) = place([label([[495, 295]], np.array([[495.0, 295.0]]))], WINDOW)
    assert box.left >= 0
    assert (box.right, box.top) <= (500, 300)


def test_labels_of_one_point_do_not_cover_each_other() -> None:
    point = np.array([[250.0, 150.0]])
    boxes = place([label([[250, 150]], point) for _ in range(4)], WINDOW)
    assert all(first.overlap(second) == 0 for i, first in enumerate(boxes) for second in boxes[:i])


def test_a_label_keeps_off_the_lines() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        corners = np.column_stack([np.sort(rng.uniform(20, 480, 5)), rng.uniform(30, 270, 5)])
        line = along(corners)
        (box,) = place([label(corners[::-1].tolist(), line)], WINDOW)
        assert (box.distances(line) > 0).all()


def test_a_label_prefers_the_anchor_where_it_cannot_be_mistaken_for_another_lines() -> None:
    """Both lines meet at the right and part at the left."""
    own, other = along(np.array([[0.0, 20], [400, 150]])), along(np.array([[0.0, 280], [400, 150]]))
    (box,) = place([label([[400, 150], [200, 85]], own, other)], WINDOW)
    assert box.distances(other).min() > 25


def test_points_along_a_line_lie_no_further_apart_than_asked() -> None:
    found = along(np.array([[0.0, 0.0], [30.0, 40.0], [30.0, 41.0]]), step=3)
    assert np.hypot(*np.diff(found, axis=0).T).max() < 3.2
    assert found[0].tolist() == [0, 0]
    assert found[-1].tolist() == [30, 41]
