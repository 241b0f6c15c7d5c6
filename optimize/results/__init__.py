"""One table of systems: what is known of each, from run folders, the cards inside models, and benchmark records."""

from .gather import gather
from .system import ALL_METHODS, METHODS, System
from .table import markdown, markdown_by_model, replace_block

__all__ = ["ALL_METHODS", "METHODS", "System", "gather", "markdown", "markdown_by_model", "replace_block"]
