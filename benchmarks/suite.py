"""Benchmark several models side by side: the function behind ``edgeemo benchmark``, for Python callers too."""

from __future__ import annotations

import contextlib
import functools
import math
import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..edge.accuracy import Accuracy
from ..edge.board import Device, read_device
from ..edge.card import ModelCard, read_card
from ..edge.errors import EdgeemoError
from ..edge.files import existing, sha256_file
from ..edge.graph import read_graph
from ..edge.image import read_picture
from ..train.datasets.dataset import Dataset
from .device import taint
from .drift import Drift
from .histogram import Histogram
from .instructions.count import InstructionCounter, Instructions
from .latency import Measurement, check_amount, measure
from .percentiles import PERCENTILES
from .process import ModelProcess
from .record import BenchmarkRecord, DataAccuracy, Stages
from .table import thread_count
from .watch import Trace

#: Told what is being done, how many steps of it are done, and how many there are.
Progress = Callable[[str, int, int], None]
#: Pictures whose tensors the queries go through in turn.
_PICTURES = 16
_STAGE_QUERIES = 100


def benchmark(
    models: Sequence[str | Path],
    *,
    runtimes: Sequence[str] = ("auto",),
    threads: Sequence[int] = (1,),
    queries: int = 300,
    seconds: float = 0.0,
    sustained: float = 0.0,
    frames: Sequence[str | Path] = (),
    data: Dataset | None = None,
    card: ModelCard | None = None,
    counter: InstructionCounter | None = None,
    root: str | Path = "/",
    progress: Progress | None = None,
) -> list[BenchmarkRecord]:
    """Measure models side by side on this device.

    Each model gets a fresh process of its own (load time, first inference, peak memory); the steady latency of all is
    measured in turns. Stages and accuracy follow, in the same processes.

    Args:
        models: .tflite files; the first is what the others are compared with. The same may come twice.
        runtimes, threads: see :func:`edgeemo.edge.runtime.load`. Every model is measured with every pair of them.
        queries, seconds: at least so many queries and so long for each model.
        sustained: keep the device busy for so many minutes, and tell how the medians drifted.
        frames: pictures with faces, to time the way from a compressed picture to labels.
        data: pictures to measure the accuracy on, and to feed; without them the models are fed noise.
        card: for the models that carry none.
        counter: counts instructions too; not entered yet.
        root: see :func:`edgeemo.edge.board.read_device`.
        progress: told how far it is.

    Returns:
        One record for each model, runtime and number of threads, in the order given.

    Raises:
        EdgeemoError: no models, an option out of range, a model that cannot be loaded, that contradicts its card or has
            none though ``data`` is given, or whose labels do not fit ``data``.
    """
    if not models:
        raise EdgeemoError("no models to benchmark", expected="at least one .tflite")
    if data is not None and not len(data):
        raise EdgeemoError(f"{data.name} has no pictures", expected="pictures to measure the accuracy on")
    check_amount(queries, seconds)
    if not 0 <= sustained < math.inf:
        raise EdgeemoError("sustained out of range", expected="minutes, 0 or more", got=str(sustained))
    if counter and 1 not in threads:
        raise EdgeemoError("instructions are counted with one thread", expected="1 among the numbers of threads")
    subjects, names = _subjects(models, runtimes, threads, card, data)
    paths = [existing(frame, "a picture") for frame in frames]
    for path in paths:
        # A picture that cannot be decoded is told before minutes of measuring, not after.
        read_picture(path)
    tell = progress or (lambda what, done, total: None)
    with tempfile.TemporaryDirectory(prefix="edgeemo-") as folder, contextlib.ExitStack() as stack:
        pictures = None if data is None else _write_pictures(data, Path(folder))
        if counter:
            # What it lacks is told before minutes of measuring, not after.
            stack.enter_context(counter)
        processes = []
        for done, subject in enumerate(subjects):
            tell("load", done, len(subjects))
            processes.append(
                stack.enter_context(
                    ModelProcess(
                        subject.path,
                        card=subject.card,
                        runtime=subject.runtime,
                        threads=subject.threads,
                        pictures=pictures,
                    )
                )
            )
        tell("load", len(subjects), len(subjects))
        measurement = measure(
            processes,
            queries=queries,
            seconds=max(seconds, 60 * sustained / len(processes)),
            root=root,
            progress=functools.partial(tell, "latency"),
        )
        peaks = [process.ask("memory")["peak_rss_mb"] for process in processes]
        stages = [_stages(process, paths, min(queries, _STAGE_QUERIES)) for process in processes]
        accuracies = [
            _accuracy(process, subject, Path(folder), functools.partial(tell, f"accuracy of {name}"))
            for process, subject, name in zip(processes, subjects, names, strict=True)
        ]
        counts = _counts(counter, subjects, paths, functools.partial(tell, "instructions"))
        device = read_device(root)
        return _records(
            subjects, names, processes, measurement, peaks, stages, accuracies, counts, device, sustained > 0
        )


class _Subject:
    """A model to measure: its file, card, what runs it, and the data in the order of its labels."""

    def __init__(
        self, path: str | Path, runtime: str, threads: int, fallback: ModelCard | None, data: Dataset | None
    ) -> None:
        self.runtime, self.threads = runtime, threads
        self.path = existing(path, "a .tflite model")
        if self.path.is_dir():
            raise EdgeemoError(f"{self.path} is a folder", expected="a .tflite model")
        try:
            self.bytes, self.sha256 = self.path.stat().st_size, sha256_file(self.path)
        except OSError as error:
            raise EdgeemoError(f"{self.path} cannot be read ({error.strerror})") from error
        self.card = read_card(self.path) or fallback
        self.data = None
        if data is not None:
            if self.card is None:
                raise EdgeemoError(
                    f"{self.path} has no model card, its accuracy cannot be measured",
                    expected="labels and preprocessing inside the model",
                    mend="describe the model in a card file and give it with --card",
                )
            self.data = data.relabelled(self.card.labels)


def _subjects(
    models: Sequence[str | Path],
    runtimes: Sequence[str],
    threads: Sequence[int],
    card: ModelCard | None,
    data: Dataset | None,
) -> tuple[list[_Subject], list[str]]:
    """Every model with every runtime and number of threads, and what each is called."""
    ways = [(runtime, count) for runtime in dict.fromkeys(runtimes) for count in dict.fromkeys(threads)]
    grid = [[_Subject(path, *way, card, data) for way in ways] for path in models]
    names = unique_names([(row[0].card.name if row[0].card else row[0].path.stem, row[0].path.stem) for row in grid])
    labels = [
        ", ".join(
            [name]
            + ([subject.runtime] if len(set(runtimes)) > 1 else [])
            + ([thread_count(subject.threads)] if len(set(threads)) > 1 else [])
        )
        for name, row in zip(names, grid, strict=True)
        for subject in row
    ]
    return [subject for row in grid for subject in row], labels


def _write_pictures(data: Dataset, folder: Path) -> Path:
    path = folder / "pictures.npz"
    chosen = np.linspace(0, len(data) - 1, min(_PICTURES, len(data))).astype(int)
    np.savez(path, *[data.pictures[index] for index in chosen])
    return path


def _stages(process: ModelProcess, frames: Sequence[Path], queries: int) -> Stages | None:
    if process.card is None:
        return None
    if not frames:
        return _medians(process.ask("stages", n=queries))
    answer = process.ask("frames", paths=[str(path) for path in frames], n=max(queries, len(frames)))
    if not any(answer["faces"]):
        raise EdgeemoError("no face was found in the frames", mend="give pictures of people who face the camera")
    return replace(_medians(answer), frames=len(answer["faces"]), faces=float(np.mean(answer["faces"])))


def _medians(answer: dict[str, Any]) -> Stages:
    medians = {name: float(np.median(spans)) / 1e6 for name, spans in answer["ns"].items()}
    return Stages(
        preprocess=medians["preprocess"],
        invoke=medians["invoke"],
        postprocess=medians["postprocess"],
        crop=tuple(answer["crop"]),
        decode=medians.get("decode"),
        detect=medians.get("detect"),
        total=medians.get("total"),
    )


def _accuracy(
    process: ModelProcess, subject: _Subject, folder: Path, tell: Callable[[int, int], None]
) -> DataAccuracy | None:
    if subject.data is None or subject.card is None:
        return None
    total = len(subject.data)
    pixels, out = folder / "pixels.npy", folder / "probabilities.npy"
    np.save(pixels, subject.data.pixels(subject.card.input))
    process.ask("predict", pixels=str(pixels), out=str(out), progress=lambda done: tell(done, total))
    figure = Accuracy.of(subject.data.targets, np.load(out))
    splits = "+".join(sorted({sample.split for sample in subject.data.samples}))
    return DataAccuracy(figure.correct, figure.n, subject.data.name, splits, subject.data.content_hash)


def _counts(
    counter: InstructionCounter | None,
    subjects: Sequence[_Subject],
    frames: Sequence[Path],
    tell: Callable[[int, int], None],
) -> list[tuple[Instructions, ...]]:
    """Executed instructions of each subject; threads that wait for each other cannot be counted."""
    counts: list[tuple[Instructions, ...]] = [() for _ in subjects]
    for index, subject in enumerate(subjects if counter else ()):
        if counter and subject.threads == 1:
            counts[index] = counter.count(subject.path, card=subject.card, runtime=subject.runtime, frames=frames)
        tell(index + 1, len(subjects))
    return counts


def _records(
    subjects: Sequence[_Subject],
    names: Sequence[str],
    processes: Sequence[ModelProcess],
    measurement: Measurement,
    peaks: Sequence[float],
    stages: Sequence[Stages | None],
    accuracies: Sequence[DataAccuracy | None],
    counts: Sequence[tuple[Instructions, ...]],
    device: Device,
    sustained: bool,
) -> list[BenchmarkRecord]:
    now = datetime.now(timezone.utc)
    run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    common = taint(
        [look.state for look in measurement.looks], cores=device.cores, own=max(subject.threads for subject in subjects)
    )
    records = []
    for index, (subject, process, latency) in enumerate(zip(subjects, processes, measurement.latencies, strict=True)):
        facts = process.facts
        percentiles = {which: latency.percentile(which) for which in PERCENTILES}
        unsteady = () if latency.steady else ("the warm-up did not become steady",)
        records.append(
            BenchmarkRecord(
                run=run,
                created=now.isoformat(timespec="seconds"),
                edgeemo=__version__,
                name=names[index],
                file=str(subject.path),
                sha256=subject.sha256,
                bytes=subject.bytes,
                quantisation=subject.card.quantisation.method if subject.card else facts["input_dtype"],
                input_shape=tuple(facts["input_shape"]),
                input_dtype=facts["input_dtype"],
                input_spec=subject.card.input if subject.card else None,
                macs=_macs(subject.path),
                runtime=facts["runtime"],
                runtime_version=facts["version"],
                delegate=facts["delegate"],
                threads=subject.threads,
                import_ms=facts["import_ms"],
                load_ms=facts["load_ms"],
                first_ms=facts["first_ms"],
                n=len(latency.samples),
                warm_up=latency.warm_up,
                steady=latency.steady,
                mean_ms=latency.mean,
                **{f"p{which}_ms": found.value if found else None for which, found in percentiles.items()},
                bounds_ms={f"p{which}": found.bound for which, found in percentiles.items() if found},
                rounds_ms=tuple(float(median) for median in latency.medians),
                ratio=latency.ratio(measurement.latencies[0], names[0]) if index else None,
                throughput=latency.throughput,
                base_rss_mb=facts["base_rss_mb"],
                peak_rss_mb=peaks[index],
                stages=stages[index],
                accuracy=accuracies[index],
                device=device,
                before=measurement.looks[0].state,
                after=measurement.looks[-1].state,
                rounds_at_s=tuple(round(end, 2) for end in measurement.ends),
                histogram=Histogram.of(latency.samples),
                drift=Drift.of(latency.medians, measurement.ends) if sustained else None,
                trace=Trace.of(measurement.looks),
                instructions=counts[index],
                reasons=common + unsteady,
            )
        )
    return records


def _macs(path: Path) -> int:
    return read_graph(path.read_bytes(), str(path)).macs


def unique_names(choices: Sequence[tuple[str, str]]) -> list[str]:
    """A different name for each model.

    Args:
        choices: (name by the card, name of the file) of each. The card's is taken unless two models share it, then the
            file's; what is still the same is numbered.
    """
    shared = Counter(name for name, _ in choices)
    names = [name if shared[name] == 1 else stem for name, stem in choices]
    total, seen = Counter(names), Counter[str]()
    result = []
    for name in names:
        seen[name] += 1
        result.append(f"{name} #{seen[name]}" if total[name] > 1 else name)
    return result
