"""Benchmark several models side by side: the function behind ``edgeemo benchmark``, for Python callers too."""

from __future__ import annotations

import contextlib
import functools
import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from .. import __version__
from ..edge.accuracy import Accuracy
from ..edge.board import read_device
from ..edge.card import ModelCard, read_card
from ..edge.errors import EdgeemoError
from ..edge.files import existing, sha256_file
from ..edge.graph import read_graph
from ..train.datasets.dataset import Dataset
from .device import taint
from .latency import Measurement, check_amount, measure
from .percentiles import PERCENTILES
from .process import ModelProcess
from .record import BenchmarkRecord, DataAccuracy, Stages

#: Told what is being done, how many steps of it are done, and how many there are.
Progress = Callable[[str, int, int], None]
#: Pictures whose tensors the queries go through in turn.
_PICTURES = 16
_STAGE_QUERIES = 100


def benchmark(
    models: Sequence[str | Path],
    *,
    runtime: str = "auto",
    threads: int = 1,
    queries: int = 300,
    seconds: float = 0.0,
    data: Dataset | None = None,
    card: ModelCard | None = None,
    progress: Progress | None = None,
) -> list[BenchmarkRecord]:
    """Measure models side by side on this device.

    Each model gets a fresh process of its own (load time, first inference, peak memory); the steady latency of all is
    measured in turns. Stages and accuracy follow, in the same processes.

    Args:
        models: .tflite files; the first is what the others are compared with. The same may come twice.
        runtime, threads: see :func:`edgeemo.edge.runtime.load`.
        queries, seconds: at least so many queries and so long for each model.
        data: pictures to measure the accuracy on, and to feed; without them the models are fed noise.
        card: for the models that carry none.
        progress: told how far it is.

    Returns:
        One record for each model, in the order given.

    Raises:
        EdgeemoError: no models, an option out of range, a model that cannot be loaded, that contradicts its card or has
            none though ``data`` is given, or whose labels do not fit ``data``.
    """
    if not models:
        raise EdgeemoError("no models to benchmark", expected="at least one .tflite")
    if data is not None and not len(data):
        raise EdgeemoError(f"{data.name} has no pictures", expected="pictures to measure the accuracy on")
    check_amount(queries, seconds)
    subjects = [_Subject(path, card, data) for path in models]
    names = unique_names([(s.card.name if s.card else s.path.stem, s.path.stem) for s in subjects])
    tell = progress or (lambda what, done, total: None)
    with tempfile.TemporaryDirectory(prefix="edgeemo-") as folder, contextlib.ExitStack() as stack:
        pictures = None if data is None else _write_pictures(data, Path(folder))
        processes = []
        for done, subject in enumerate(subjects):
            tell("load", done, len(subjects))
            processes.append(
                stack.enter_context(
                    ModelProcess(subject.path, card=subject.card, runtime=runtime, threads=threads, pictures=pictures)
                )
            )
        tell("load", len(subjects), len(subjects))
        measurement = measure(
            processes,
            queries=queries,
            seconds=seconds,
            progress=functools.partial(tell, "latency"),
        )
        peaks = [process.ask("memory")["peak_rss_mb"] for process in processes]
        stages = [_stages(process, min(queries, _STAGE_QUERIES)) for process in processes]
        accuracies = [
            _accuracy(process, subject, Path(folder), functools.partial(tell, f"accuracy of {name}"))
            for process, subject, name in zip(processes, subjects, names, strict=True)
        ]
        return _records(subjects, names, processes, measurement, peaks, stages, accuracies, threads)


class _Subject:
    """A model to measure: its file, card, and the data in the order of its labels."""

    def __init__(self, path: str | Path, fallback: ModelCard | None, data: Dataset | None) -> None:
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


def _write_pictures(data: Dataset, folder: Path) -> Path:
    path = folder / "pictures.npz"
    chosen = np.linspace(0, len(data) - 1, min(_PICTURES, len(data))).astype(int)
    np.savez(path, *[data.pictures[index] for index in chosen])
    return path


def _stages(process: ModelProcess, queries: int) -> Stages | None:
    answer = process.ask("stages", n=queries)
    if not answer:
        return None
    medians = {name: float(np.median(spans)) / 1e6 for name, spans in answer["ns"].items()}
    return Stages(crop=tuple(answer["crop"]), **medians)


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


def _records(
    subjects: Sequence[_Subject],
    names: Sequence[str],
    processes: Sequence[ModelProcess],
    measurement: Measurement,
    peaks: Sequence[float],
    stages: Sequence[Stages | None],
    accuracies: Sequence[DataAccuracy | None],
    threads: int,
) -> list[BenchmarkRecord]:
    device = read_device()
    now = datetime.now(timezone.utc)
    run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    common = taint(measurement.before, measurement.after, cores=device.cores, own=threads)
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
                threads=threads,
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
                before=measurement.before,
                after=measurement.after,
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
