"""Two models, one data set, paired: what was lost, how sure that is, and where it is written down."""

from .paired import bootstrap_interval, mcnemar, score_interval
from .report import Drift, drift

__all__ = ["Drift", "bootstrap_interval", "drift", "mcnemar", "score_interval"]
