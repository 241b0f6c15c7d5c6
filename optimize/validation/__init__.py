"""Paired comparison of two models on one data set, with gates, figures for the card, and robustness."""

from .paired_stats import PairedChange, bootstrap_interval, least_provable, mcnemar, mean_kl, score_interval
from .report import AccuracyChange, ClassChange, compare_accuracy

__all__ = [
    "AccuracyChange",
    "ClassChange",
    "PairedChange",
    "bootstrap_interval",
    "compare_accuracy",
    "least_provable",
    "mcnemar",
    "mean_kl",
    "score_interval",
]
