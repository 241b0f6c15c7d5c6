"""Sinks of results: lines, a window, a video, a web page, MQTT; each kind is one module, and none stalls the loop."""

from .base import Sink, SinkContext, SinkKind, ThreadedSink, Update

__all__ = ["Sink", "SinkContext", "SinkKind", "ThreadedSink", "Update"]
