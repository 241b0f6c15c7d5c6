"""Two models, one data set, paired: what was lost, how sure that is, and where it is written down."""

from .paired_stats import PairedChange, bootstrap_interval, least_provable, mcnemar, score_interval
from .report import ClassChange, Drift, drift

__all__ = [
    "ClassChange",
    "Drift",
    "PairedChange",
    "bootstrap_interval",
    "drift",
    "least_provable",
    "mcnemar",
    "score_interval",
]
