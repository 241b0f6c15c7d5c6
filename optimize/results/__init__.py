"""One table of systems: what is known of each, from run folders, the cards inside models, and benchmark records."""

from .gather import gather
from .system import System
from .table import markdown, markdown_by_model, replace_block

__all__ = ["System", "gather", "markdown", "markdown_by_model", "replace_block"]
