"""Data-set formats, one file each; :data:`edgeemo.train.datasets.registry.FORMATS` has their names."""

from ..builder import SPLITS, Entry
from ..dataset import Bad
from .format import Format

__all__ = ["SPLITS", "Bad", "Entry", "Format"]
