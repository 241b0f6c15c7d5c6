"""Metrics of a run for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from ..base import Sink, SourceState, Update

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Seconds; from a small model on a desktop to a large one on a board of 2012.
_BUCKETS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


class Metrics:
    """Metrics counted from updates, in a registry of their own, so that several runs in one process do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._frames = Counter("edgeemo_frames", "Frames classified.", registry=self.registry)
        self._faces = Counter("edgeemo_faces", "Faces classified, by label.", ["label"], registry=self.registry)
        self._tracks = Gauge("edgeemo_tracks", "Faces that are tracked now.", registry=self.registry)
        self._seconds = Histogram(
            "edgeemo_stage_seconds", "Time per frame by stage.", ["stage"], buckets=_BUCKETS, registry=self.registry
        )
        self._fps = Gauge("edgeemo_frames_per_second", "Frames classified a second.", registry=self.registry)
        self._last = Gauge(
            "edgeemo_last_frame_timestamp_seconds", "When a frame was last classified.", registry=self.registry
        )
        self._state = Enum(
            "edgeemo_source_state",
            "State of the source.",
            states=[s.value for s in SourceState],
            registry=self.registry,
        )
        self._totals = _Totals()
        self.registry.register(self._totals)

    def watch(self, sinks: Sequence[Sink]) -> None:
        """Report what these sinks had to drop."""
        self._totals.sinks = sinks

    def observe(self, update: Update) -> None:
        """Take an update."""
        status = update.status
        self._state.state(status.state.value)
        self._fps.set(status.fps)
        self._totals.update = update
        if update.result is None:
            return
        self._frames.inc()
        self._tracks.set(len(update.tracks))
        self._last.set(time.time())
        for face in update.result.faces:
            self._faces.labels(face.label).inc()
        for stage, value in update.result.times.to_dict().items():
            if stage != "total":
                self._seconds.labels(stage).observe(value / 1e3)

    def render(self) -> bytes:
        """Return the text that Prometheus reads."""
        return generate_latest(self.registry)


class _Totals(Collector):
    """Counters kept elsewhere."""

    def __init__(self) -> None:
        self.update: Update | None = None
        self.sinks: Sequence[Sink] = ()

    def collect(self) -> Iterable[Metric]:
        if self.update is not None:
            status = self.update.status
            yield CounterMetricFamily("edgeemo_reconnects", "Times the source was reopened.", status.reconnects)
            yield CounterMetricFamily("edgeemo_frames_dropped", "Frames that were not classified.", status.dropped)
            yield CounterMetricFamily("edgeemo_model_restarts", "Times the model was restarted.", status.restarts)
        lost = CounterMetricFamily("edgeemo_sink_dropped", "Updates that a sink could not take.", labels=["sink"])
        for sink in self.sinks:
            lost.add_metric([sink.name], sink.dropped)
        yield lost
