"""What a frame costs beside finding the faces and running the model, stage by stage.

    python tests/tools/overhead.py

The loop of ``edgeemo run``, with its tracks, lines and page, reads an HTTP camera of 640x480 that is faster than the
loop, or the camera of ``--source``. OpenCV and the model have one thread each. Every stage is measured by two clocks:
the wall's, and the time that the loop's thread was on a processor. Only the second one is blind for other programs,
which on a busy machine take their turns in whatever stage is running.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgeemo.edge.faces.haar import HaarDetector
from edgeemo.edge.faces.tracker import Tracker
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.model.zoo import find_model
from edgeemo.edge.runner.loop import run_loop
from edgeemo.edge.sinks import SinkContext, Update
from edgeemo.edge.sinks.registry import open_sinks
from edgeemo.edge.sources import Frame, open_source

sys.path.insert(0, str(Path(__file__).parent.parent))
from edge.sources.streams.film import film

#: What a frame is there for; everything else is overhead.
WORK = ("detect", "invoke")
STAGES = ("capture", "detect", "face", "invoke", "track", "publish")
#: Frames at the start that are not counted: caches and allocators fill.
SETTLING = 20
#: Images a second of the camera: one is always waiting.
RATE = 60.0

Clocks = tuple[float, float]


def now() -> Clocks:
    """Seconds: the wall's clock, and this thread on a processor."""
    return time.perf_counter(), time.thread_time()


@dataclass
class Stopwatch:
    """Notes when stages and frames began and ended; what is made of it comes later, so that it takes no time.

    Attributes:
        stages: name, beginning and end, of the frame in hand.
        frames: stages and end of each frame.
    """

    stages: list[tuple[str, Clocks, Clocks]] = field(default_factory=list)
    frames: list[tuple[list[tuple[str, Clocks, Clocks]], Clocks]] = field(default_factory=list)

    def note(self, stage: str, began: Clocks) -> None:
        """A stage ends now."""
        self.stages.append((stage, began, now()))

    def end_frame(self) -> None:
        """What was noted since the last frame belongs to this one."""
        self.frames.append((self.stages, now()))
        self.stages = []

    def taken(self) -> list[dict[str, np.ndarray]]:
        """Stage -> seconds by both clocks, for every frame but the first; ``frame`` is from one's end to the next's."""
        found = []
        for (_, began), (stages, end) in itertools.pairwise(self.frames):
            taken = dict.fromkeys(STAGES, np.zeros(2))
            for name, start, stop in stages:
                taken[name] = taken[name] + np.subtract(stop, start)
            whole = np.subtract(end, began)
            taken["face"] = whole - sum(taken.values())
            found.append({**taken, "frame": whole})
        return found


class Timed:
    """Something of the loop's, with its calls measured.

    Args:
        inner: what is called.
        watch: measures.
        names: method -> stage.
    """

    def __init__(self, inner: Any, watch: Stopwatch, **names: str) -> None:
        self._inner, self._watch, self._names = inner, watch, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._names:
            return found

        def timed(*arguments: Any, **options: Any) -> Any:
            began = now()
            result = found(*arguments, **options)
            self._watch.note(self._names[name], began)
            return result

        return timed

    def __iter__(self) -> Iterator[Frame | None]:
        frames = iter(self._inner)
        while True:
            began = now()
            try:
                frame = next(frames)
            except StopIteration:
                return
            self._watch.note("capture", began)
            yield frame


class FrameEnd:
    """Hears last of every update."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch

    def publish(self, update: Update) -> None:
        """Note the end of a frame."""
        if update.result is not None:
            self._watch.end_frame()


@dataclass(frozen=True)
class Overhead:
    """What was found.

    Args:
        frames: measured.
        wall_ms, thread_ms: stage -> median ms by each clock. ``capture`` waits for the image, decodes and judges it;
            ``face`` is cropping, preprocessing, dequantization; ``publish`` hands it to the outputs.
        other_threads_ms: a frame's share of the time that capturing, lines and page were on a processor.
        overhead_wall, overhead_thread: median over the frames of the share that is neither detect nor invoke.
    """

    frames: int
    wall_ms: dict[str, float]
    thread_ms: dict[str, float]
    other_threads_ms: float
    overhead_wall: float
    overhead_thread: float


def measure(model: str, *, frames: int, quality: int, source: str = "") -> Overhead:
    """Classify so many frames and measure.

    Args:
        model: path or name.
        frames: beyond those of the settling.
        quality: of the camera's JPEGs; see tests/edge/sources/streams/film.py.
        source: another camera than this one.
    """
    cv2.setNumThreads(1)
    watch = Stopwatch()
    classifier = Classifier.open(find_model(model))
    classifier = replace(classifier, session=Timed(classifier.session, watch, invoke="invoke"))
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        camera = stack.enter_context(open_source(source or stack.enter_context(film(RATE, quality=quality))))
        options = {"out": f"{folder}/lines.jsonl", "web": "127.0.0.1:0"}
        sinks = stack.enter_context(open_sinks(options, SinkContext(classifier.card.labels)))
        process, thread = time.process_time(), time.thread_time()
        run_loop(
            Timed(camera, watch),
            Timed(HaarDetector(), watch, detect="detect"),
            classifier,
            [*(Timed(sink, watch, publish="publish") for sink in sinks), FrameEnd(watch)],
            tracker=Timed(Tracker(), watch, update="track"),
            max_frames=SETTLING + frames + 1,
        )
        others = time.process_time() - process - (time.thread_time() - thread)
    return _figures(watch.taken()[SETTLING:], others / len(watch.frames))


def _figures(frames: Sequence[dict[str, np.ndarray]], other_threads_s: float) -> Overhead:
    wall, thread = (
        {stage: round(1e3 * statistics.median(frame[stage][clock] for frame in frames), 3) for stage in frames[0]}
        for clock in (0, 1)
    )
    shares = [1 - sum(frame[stage] for stage in WORK) / frame["frame"] for frame in frames]
    return Overhead(
        len(frames),
        wall,
        thread,
        round(1e3 * other_threads_s, 3),
        *(round(statistics.median(share[clock] for share in shares), 4) for clock in (0, 1)),
    )


def main() -> None:
    """Measure and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="edge-res-int8")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--quality", type=int, default=95)
    parser.add_argument("--source", default="", help="as of edgeemo run; its images should show a face")
    options = parser.parse_args()
    print(
        json.dumps(
            vars(measure(options.model, frames=options.frames, quality=options.quality, source=options.source)),
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
