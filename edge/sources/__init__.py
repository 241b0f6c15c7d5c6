"""Sources of frames: images, videos and cameras, opened by the value of ``--source``; each kind is one module."""

from .base import Frame, RecordedSource, Source, SourceContext, SourceKind
from .registry import open_source

__all__ = ["Frame", "RecordedSource", "Source", "SourceContext", "SourceKind", "open_source"]
