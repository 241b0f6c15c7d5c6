"""Where frames come from: images, videos and cameras, opened by what the user calls them."""

from .base import Frame, Source
from .registry import open_source

__all__ = ["Frame", "Source", "open_source"]
