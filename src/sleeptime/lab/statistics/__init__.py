"""Statistics of the experiments: pure numpy, explicit seeds, intervals that draw contexts and not rows."""

from sleeptime.lab.statistics.attempts import majority_at_k, pass_at_k
from sleeptime.lab.statistics.bootstrap import Bootstrap, Statistic, divide
from sleeptime.lab.statistics.calibration import (
    Calibration,
    Logistic,
    ReliabilityBin,
    calibration,
    cross_fitted,
    fit_logistic,
)
from sleeptime.lab.statistics.curves import (
    CurvePoint,
    EqualAccuracy,
    Measured,
    curve_points,
    ratio_at_equal_accuracy,
    spent_at,
    spent_to_reach,
)
from sleeptime.lab.statistics.discrimination import auc
from sleeptime.lab.statistics.estimate import Estimate, clustered_standard_error
from sleeptime.lab.statistics.trend import Trend, mid_ranks, quantile_bins, trend

__all__ = [
    "Bootstrap",
    "Calibration",
    "CurvePoint",
    "EqualAccuracy",
    "Estimate",
    "Logistic",
    "Measured",
    "ReliabilityBin",
    "Statistic",
    "Trend",
    "auc",
    "calibration",
    "clustered_standard_error",
    "cross_fitted",
    "curve_points",
    "divide",
    "fit_logistic",
    "majority_at_k",
    "mid_ranks",
    "pass_at_k",
    "quantile_bins",
    "ratio_at_equal_accuracy",
    "spent_at",
    "spent_to_reach",
    "trend",
]
