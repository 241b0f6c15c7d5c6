"""The process that holds one model: ``python -m edgeemo.benchmarks.worker.worker``.

A model gets a fresh process, so that its load time, first inference and peak memory are its own. The first request
loads it; each one after that names a method of :class:`ModelWorker`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ...edge.common.errors import EdgeemoError, ModelError
from ...edge.host.memory import memory_mb
from ...edge.inference.child_process import Message, OnNote, serve
from ...edge.inference.classifier import Classifier, check_card
from ...edge.inference.delegate import DelegateSpec
from ...edge.inference.interpreter import RUNTIMES, Session, installed_runtimes, load, runtime_version
from ...edge.model.card import ModelCard
from .batch import Batch, OneByOne
from .delegation import operators_taken
from .frame_timer import FrameTimer

#: Warm-up continues until the medians of two batches in a row are within this fraction of each other...
STEADY = 0.05
#: ...or this many seconds have passed.
WARM_UP_SECONDS = 3.0
_BATCH_MS = 20.0
_LEAST_BATCH = 5
# The first queries of a turn find the caches full of the other models' data.
_TURN_WARM_UP = 2
_INPUTS = 16
_PREDICTIONS_PER_REPORT = 64
#: Sizes of batches that are tried: more images than fit into the caches gain nothing.
_BATCHES = (8, 32)
_BATCH_TURNS = 5
#: A face crop for the preprocessing stage when no images are given: what a face at arm's length fills of a VGA frame.
NOISE_CROP = (120, 120, 3)
#: Methods of :class:`ModelWorker` that a request may name.
OPERATIONS = ("warm", "measure", "delegated", "memory", "batches", "offline", "stages", "frames", "predict", "probe")


class ModelWorker:
    """A loaded model; every public method is one operation.

    Args:
        path: of the model.
        runtime, threads: see :func:`edgeemo.edge.inference.interpreter.load`.
        delegate: its fields as a dictionary, or None for the CPU.
        card: as a dictionary, or None for a model without one.
        images: .npz with face crops to classify, or None for noise.
    """

    def __init__(
        self,
        *,
        path: str,
        runtime: str,
        threads: int,
        delegate: dict[str, Any] | None,
        card: dict[str, Any] | None,
        images: str | None,
    ) -> None:
        spec = DelegateSpec(**{**delegate, "options": tuple(map(tuple, delegate["options"]))}) if delegate else None
        started = time.perf_counter_ns()
        _import_runtime(runtime)
        imported = time.perf_counter_ns()
        base = memory_mb()
        loading = time.perf_counter_ns()
        self.session: Session = load(path, runtime=runtime, threads=threads, delegate=spec)
        loaded = time.perf_counter_ns()
        self.card = ModelCard.from_dict(card) if card else None
        if self.card:
            check_card(self.card, self.session)
        self._classifier = Classifier(self.card, self.session) if self.card else None
        self.crops = self._crops(images)
        self.inputs = self._encoded()
        first = self._query(0)
        self.facts = {
            "pid": os.getpid(),
            "runtime": self.session.runtime,
            "version": runtime_version(self.session.runtime),
            "delegate": self.session.delegate,
            "import_ms": (imported - started) / 1e6,
            "load_ms": (loaded - loading) / 1e6,
            "first_ms": first / 1e6,
            "base_rss_mb": base,
            "input_shape": self.session.input.shape,
            "input_dtype": str(self.session.input.dtype),
        }
        self._path, self._threads, self._spec = path, threads, spec
        self._frame_timer: FrameTimer | None = None

    def delegated(self) -> dict[str, Any]:
        """Return how many operators the delegate runs, or the runtime's own without one; None when unknown."""
        if self._spec is None:
            found = self.session.delegated
            return {"operators": None if found is None else len(found)}
        return {"operators": operators_taken(self._path, self._spec, runtime=self.session.runtime)}

    def warm(self) -> dict[str, Any]:
        """Run until the latency is steady: median of the last batch, queries run, and whether it became steady."""
        began, queries, medians = time.monotonic(), 0, list[float]()
        size = _LEAST_BATCH
        while True:
            batch = [self._query(index) / 1e6 for index in range(size)]
            medians.append(float(np.median(batch)))
            queries += size
            size = max(_LEAST_BATCH, int(_BATCH_MS / medians[-1]))
            last = medians[-3:]
            if len(last) == 3 and max(last) - min(last) <= STEADY * last[-1]:
                return {"ms": medians[-1], "queries": queries, "steady": True}
            if time.monotonic() - began > WARM_UP_SECONDS and len(last) == 3:
                return {"ms": medians[-1], "queries": queries, "steady": False}

    def measure(self, n: int) -> dict[str, Any]:
        """Run one turn: nanoseconds of n queries one after the other."""
        for index in range(_TURN_WARM_UP):
            self._query(index)
        return {"ns": [self._query(index) for index in range(n)]}

    def memory(self) -> dict[str, Any]:
        """Return the peak resident memory of this process so far, in MiB."""
        return {"peak_rss_mb": memory_mb()}

    def batches(self) -> dict[str, Any]:
        """Find the fastest size of a batch: that size, and milliseconds of one invoke."""
        candidates: list[Batch | OneByOne] = [OneByOne(self.session, self.inputs)]
        for size in _BATCHES if self._spec is None else ():
            with contextlib.suppress(ValueError):
                candidates.append(Batch(self.session, self.inputs, size=size, threads=self._threads))
        counts = []
        for candidate in candidates:
            candidate.run(2)
            counts.append(max(1, int(_BATCH_MS * 1e6 / candidate.run(1))))
        # In turns: a slow moment would decide otherwise.
        runs = [
            [candidate.run(count) / count for candidate, count in zip(candidates, counts, strict=True)]
            for _ in range(_BATCH_TURNS)
        ]
        times = np.median(runs, axis=0)
        best = int(np.argmin(times / [candidate.size for candidate in candidates]))
        self._batch = candidates[best]
        return {"batch": self._batch.size, "ms": float(times[best]) / 1e6}

    def offline(self, n: int) -> dict[str, Any]:
        """Time n batches of the size that :meth:`batches` found, in nanoseconds."""
        return {"ns": self._batch.run(n)}

    def stages(self, n: int) -> dict[str, Any]:
        """Time preprocess, invoke and postprocess of n face crops, in nanoseconds."""
        classifier = self._classifier
        if classifier is None:
            return {}
        clock = time.perf_counter_ns
        times: dict[str, list[int]] = {"preprocess": [], "invoke": [], "postprocess": []}
        for index in range(-_TURN_WARM_UP, n):
            crop = self.crops[index % len(self.crops)]
            t0 = clock()
            tensor = classifier.encode(crop)
            t1 = clock()
            output = self.session.invoke(tensor)
            t2 = clock()
            _ = classifier.card.labels[int(classifier.decode(output).argmax())]
            t3 = clock()
            if index < 0:
                continue
            for name, span in zip(times, (t1 - t0, t2 - t1, t3 - t2), strict=True):
                times[name].append(span)
        return {"ns": times, "crop": self.crops[0].shape}

    def frames(self, paths: list[str], start: int, n: int) -> dict[str, Any]:
        """Time n frames, from compressed image to labels, in nanoseconds, and count the faces in each.

        The paths are taken in turn, beginning with the start-th; the functions that decode, detect and classify are
        those of ``edgeemo predict`` and ``edgeemo run``.
        """
        assert self._classifier is not None
        if self._frame_timer is None:
            self._frame_timer = FrameTimer(paths, self._classifier)
        return self._frame_timer.times(start, n)

    def predict(self, pixels: str, out: str, report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Classify fitted pixels (.npy, uint8 (n, h, w, c)); probabilities go to ``out`` (.npy)."""
        classifier = self._classifier
        assert classifier is not None
        batch = np.load(pixels, mmap_mode="r")
        rows = []
        for start in range(0, len(batch), _PREDICTIONS_PER_REPORT):
            rows.append(classifier.predict(batch[start : start + _PREDICTIONS_PER_REPORT]))
            report({"done": sum(map(len, rows))})
        np.save(out, np.concatenate(rows))
        return {"n": len(batch)}

    def probe(self, name: str) -> dict[str, Any]:
        """Measure with a probe that works in this process.

        Args:
            name: of the probe.

        Raises:
            ModelError: the probe failed, or its value is not JSON.
        """
        from ..probes.registry import PROBES

        measure = PROBES.load(name).in_worker
        assert measure is not None
        try:
            value = measure(self)
            json.dumps(value)
        except EdgeemoError:
            raise
        except Exception as error:
            # Whatever somebody else's code does, the error names the probe.
            raise ModelError(f"the probe {name!r} failed ({type(error).__name__}: {error})") from error
        return {"value": value}

    def _query(self, index: int) -> int:
        tensor = self.inputs[index % len(self.inputs)]
        started = time.perf_counter_ns()
        self.session.invoke(tensor)
        return time.perf_counter_ns() - started

    def _crops(self, images: str | None) -> list[np.ndarray]:
        if images:
            with np.load(images) as archive:
                return [archive[name] for name in archive.files]
        source = np.random.default_rng(0)
        return [source.integers(0, 256, NOISE_CROP, np.uint8) for _ in range(_INPUTS)]

    def _encoded(self) -> list[np.ndarray]:
        tensor = self.session.input
        if self._classifier:
            return [self._classifier.encode(crop) for crop in self.crops]
        source = np.random.default_rng(0)
        if tensor.dtype.kind in "iu":
            limits = np.iinfo(tensor.dtype)
            return [source.integers(limits.min, limits.max, tensor.shape, tensor.dtype) for _ in range(_INPUTS)]
        return [source.random(tensor.shape).astype(tensor.dtype) for _ in range(_INPUTS)]


class _Handler:
    """Loads what the first request names, then runs operations."""

    def __init__(self) -> None:
        self._worker: ModelWorker | None = None

    def __call__(self, request: dict[str, Any], note: OnNote) -> Message:
        operation = request.pop("op")
        if self._worker is None:
            self._worker = ModelWorker(**request)
            return self._worker.facts
        if operation not in OPERATIONS:
            raise ModelError("unknown operation", got=repr(operation))
        if operation == "predict":
            request["report"] = note
        answer: dict[str, Any] = getattr(self._worker, operation)(**request)
        return answer


def _import_runtime(runtime: str) -> None:
    """Import a runtime ahead of the load, so that the load time is the model's alone."""
    for name in installed_runtimes() if runtime == "auto" else [runtime]:
        if name in RUNTIMES:
            with contextlib.suppress(ImportError):
                importlib.import_module(RUNTIMES[name])
                return


if __name__ == "__main__":
    serve(_Handler())
