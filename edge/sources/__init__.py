"""Where frames come from: pictures, videos and cameras, opened by what the user calls them."""

from .frame import Frame, Source
from .open import open_source

__all__ = ["Frame", "Source", "open_source"]
