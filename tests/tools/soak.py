"""A long run before a camera that never ends: does memory stay flat, and what does a frame cost beside face and model?

    python tests/tools/soak.py --minutes 20 --frames 20000 --out soak.json

A process of its own films a drawn person at 640x480 and serves it as an HTTP camera faster than it can be classified;
``edgeemo run`` reads it with its web page and its lines on, and somebody reads the page's figures now and then.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from edge.sources.streams.film import film

#: Share of the run in which memory is still being taken: caches, the allocator's arenas, the page's timeline.
SETTLING = 0.25


@dataclass(frozen=True)
class Soak:
    """What a soak has shown.

    Args:
        seconds, frames, faces: of the run.
        rss_mb: median of each minute, all of them.
        rss_settled_mb, rss_end_mb: medians of the tenth of the run behind the settling and of the last tenth.
        growth: of the second over the first, as a fraction.
        median_ms: stage -> ms; ``frame`` is the time from one classified frame to the next.
        overhead: share of ``frame`` that neither detect nor invoke takes.
    """

    seconds: float
    frames: int
    faces: int
    rss_mb: list[float]
    rss_settled_mb: float
    rss_end_mb: float
    growth: float
    median_ms: dict[str, float]
    overhead: float


def soak(model: str, *, seconds: float, frames: int, most_s: float, rate: float = 60.0) -> Soak:
    """Run until both the time and the frames are there, and measure.

    Args:
        model: path or name.
        seconds: of the run, at least.
        frames: to be classified, at least: on a busy machine they take longer.
        most_s: seconds after which it ends with fewer frames.
        rate: images a second of the camera.
    """
    with contextlib.ExitStack() as stack:
        folder, url = stack.enter_context(tempfile.TemporaryDirectory()), stack.enter_context(film(rate))
        lines, log = Path(folder) / "lines.jsonl", Path(folder) / "log"
        command = [sys.executable, "-m", "edgeemo", "run", model, "--source", url, "--out", str(lines), "--force"]
        # The library that finds faces would take every core.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
        with log.open("w") as stream:
            process = subprocess.Popen([*command, "--web", "127.0.0.1:0"], stderr=stream, env=environment)
        rss: list[float] = []
        began = time.monotonic()
        done = 0
        lines.touch()
        reader = stack.enter_context(lines.open("rb"))
        while (passed := time.monotonic() - began) < most_s and (passed < seconds or done < frames):
            time.sleep(1)
            done += reader.read().count(b'"faces":')
            if process.poll() is not None:
                raise SystemExit(f"the run ended early, {process.returncode}:\n{log.read_text()}")
            rss.append(_rss_mb(process.pid))
            if len(rss) % 5 == 0:
                _look(log.read_text())
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        classified = [event for event in map(json.loads, lines.read_text().splitlines()) if "faces" in event]
    return _figures(passed, rss, classified)


def _figures(seconds: float, rss: Sequence[float], frames: Sequence[dict]) -> Soak:
    tenth = max(1, len(rss) // 10)
    settled = int(len(rss) * SETTLING)
    before, after = statistics.median(rss[settled : settled + tenth]), statistics.median(rss[-tenth:])
    stages = ("detect", "preprocess", "invoke", "postprocess")
    median = {stage: statistics.median(frame["ms"][stage] for frame in frames) for stage in stages}
    # When a frame was classified, not when it came: from one to the next goes all that the second one took.
    times = [frame["wall"] for frame in frames]
    median["frame"] = 1e3 * statistics.median(b - a for a, b in itertools.pairwise(times))
    # By frame, not by medians: a frame with two faces is longer in every stage.
    spent = [frame["ms"]["detect"] + frame["ms"]["invoke"] for frame in frames[1:]]
    shares = [1 - ms / (1e3 * (b - a)) for ms, (a, b) in zip(spent, itertools.pairwise(times), strict=True) if b > a]
    return Soak(
        round(seconds),
        len(frames),
        sum(len(frame["faces"]) for frame in frames),
        [round(statistics.median(rss[i : i + 60]), 2) for i in range(0, len(rss), 60)],
        before,
        after,
        after / before - 1,
        {stage: round(value, 3) for stage, value in median.items()},
        statistics.median(shares),
    )


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _look(log: str) -> None:
    """Read the page's figures, as Prometheus would."""
    address = next((word for word in log.split() if word.startswith("http://127.0.0.1:")), None)
    if address is not None:
        with urllib.request.urlopen(address.rstrip("/") + "/metrics", timeout=5) as answer:
            answer.read()


def main() -> None:
    """Soak and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="edge-res-int8")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--frames", type=int, default=0, help="continue until so many are classified")
    parser.add_argument("--most", type=float, default=90.0, help="minutes after which it ends with fewer")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = soak(options.model, seconds=60 * options.minutes, frames=options.frames, most_s=60 * options.most)
    found = json.dumps(asdict(found), indent=2)
    if options.out:
        options.out.write_text(found + "\n")
    print(found)


if __name__ == "__main__":
    main()
