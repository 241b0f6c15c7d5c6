"""Two models, one data set, paired: what was lost, how sure that is, and where it is written down."""

from .paired_stats import PairedChange, bootstrap_interval, least_provable, mcnemar, score_interval
from .report import AccuracyChange, ClassChange, compare_accuracy

__all__ = [
    "AccuracyChange",
    "ClassChange",
    "PairedChange",
    "bootstrap_interval",
    "compare_accuracy",
    "least_provable",
    "mcnemar",
    "score_interval",
]
