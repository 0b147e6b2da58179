"""What tests ask of an estimate that may be missing."""

from sleeptime.lab.statistics import Estimate


def given(found: Estimate | None) -> Estimate:
    """The estimate, which must be there."""
    assert found is not None
    return found


def ends(found: Estimate | None) -> tuple[float, float]:
    """Both ends of its interval, which must be there."""
    low, high = given(found).low, given(found).high
    assert low is not None
    assert high is not None
    return low, high


def covers(found: Estimate | None, truth: float) -> bool:
    """Whether the truth lies in its interval."""
    low, high = ends(found)
    return low <= truth <= high
