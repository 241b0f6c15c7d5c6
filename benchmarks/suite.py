"""Benchmark several models side by side: the function behind ``edgeemo benchmark``, for Python callers too."""

from __future__ import annotations

import contextlib
import functools
import math
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from .. import __version__
from ..edge.common.errors import DataError, OptionError
from ..edge.common.files import existing
from ..edge.common.proportion import Accuracy
from ..edge.host.hardware import Device, read_device
from ..edge.inference.delegate import DelegateSpec
from ..edge.model.card import ModelCard
from ..edge.vision.image import read_image
from ..train.datasets.dataset import Dataset
from .cases import Case, case_matrix
from .host.monitor import DeviceMonitor, Trace
from .host.reliability import unreliable_reasons
from .instructions.count import InstructionCounter, Instructions
from .measure.latency import Measurement, check_amount, measure, warm_up
from .measure.loading import LoadedCase, LoadedCases, Progress, load_all
from .measure.roofline import Ceiling, ceiling_model
from .measure.stages import Stages, measure_stages
from .measure.throughput import Offline, measure_throughput
from .record import BenchmarkRecord, DataAccuracy
from .statistics.histogram import Histogram
from .statistics.latency_trend import LatencyTrend
from .statistics.percentiles import PERCENTILES
from .worker.client import ModelProcess

#: Images whose tensors the queries go through in turn.
_IMAGES = 16
_STAGE_QUERIES = 100


def benchmark(
    models: Sequence[str | Path],
    *,
    runtimes: Sequence[str] = ("auto",),
    threads: Sequence[int] = (1,),
    delegates: Sequence[DelegateSpec | None] = (None,),
    queries: int = 300,
    seconds: float = 0.0,
    sustained: float = 0.0,
    offline: bool = False,
    ceiling: bool = False,
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
        runtimes, threads, delegates: see :func:`edgeemo.edge.inference.interpreter.load`. Every model is measured
            with every
            combination of them. With more than one delegate (None is the CPU) a model that one of them does not run is
            left out there, and the records tell why.
        queries, seconds: at least so many queries and so long for each model.
        sustained: keep the device busy for so many minutes, and report how the medians changed.
        offline: measure the throughput of batches as well.
        ceiling: measure the runtimes' fastest int8 matrix products in the same rounds, and what the models reach of it.
        frames: images with faces, to time the way from a compressed image to labels.
        data: images to measure the accuracy on, and to feed; without them the models are fed noise.
        card: for the models that carry none.
        counter: counts instructions too; not entered yet.
        root: see :func:`edgeemo.edge.host.hardware.read_device`.
        progress: told how far it is.

    Returns:
        One record for each model, runtime, number of threads and delegate, in the order given.

    Raises:
        DelegateError: a delegate that cannot be used or runs nothing of a model; of several, when nothing is left.
        EdgeemoError: no models, an option out of range, a model that cannot be loaded, that contradicts its card or has
            none though ``data`` is given, or whose labels do not fit ``data``.
    """
    if not models:
        raise OptionError("no models to benchmark", expected="at least one .tflite")
    if data is not None and not len(data):
        raise DataError(f"{data.name} has no images", expected="images to measure the accuracy on")
    check_amount(queries, seconds)
    if not 0 <= sustained < math.inf:
        raise OptionError("sustained out of range", expected="minutes, 0 or more", got=str(sustained))
    if counter and 1 not in threads:
        raise OptionError("instructions are counted with one thread", expected="1 among the numbers of threads")
    cases = case_matrix(models, runtimes=runtimes, threads=threads, delegates=delegates, card=card, data=data)
    paths = [existing(frame, "an image") for frame in frames]
    for path in paths:
        # An image that cannot be decoded is told before minutes of measuring, not after.
        read_image(path)
    tell = progress or (lambda what, done, total: None)
    with tempfile.TemporaryDirectory(prefix="edgeemo-") as folder, contextlib.ExitStack() as stack:
        images = None if data is None else _write_images(data, Path(folder))
        if counter:
            # What it lacks is told before minutes of measuring, not after.
            stack.enter_context(counter)
        loaded = load_all(cases, images, stack, tell, choosy=len(set(delegates)) == 1)
        products = _products(loaded, Path(folder), stack) if ceiling else {}
        processes = [*(one.process for one in loaded.ready), *products.values()]
        warm = warm_up(processes)
        # Looks begin when the clock is up, and go on until all is timed.
        with DeviceMonitor(root=root, pids=[process.facts["pid"] for process in processes]) as watch:
            measurement = measure(
                processes,
                warm,
                queries=queries,
                seconds=seconds,
                together=60 * sustained,
                progress=functools.partial(tell, "latency"),
            )
            findings = [_finding(one) for one in loaded.ready]
            measured = processes[: len(findings)]
            throughputs = measure_throughput(measured) if offline else [None] * len(findings)
            stages = measure_stages(measured, paths, queries=min(queries, _STAGE_QUERIES))
        ceilings = dict(zip(products, measurement.latencies[len(loaded.ready) :], strict=True))
        for one, finding, latency in zip(loaded.ready, findings, measurement.latencies, strict=False):
            if found := ceilings.get(_way(one)):
                finding.ceiling = Ceiling.of(latency, one.case.macs, found)
        for finding, throughput, staged in zip(findings, throughputs, stages, strict=True):
            finding.offline, finding.stages = throughput, staged
        for one, finding in zip(loaded.ready, findings, strict=True):
            report = functools.partial(tell, f"accuracy of {one.case.name}")
            finding.accuracy = _accuracy(one.process, one.case, Path(folder), report)
        if counter:
            _count(counter, loaded.ready, findings, paths, functools.partial(tell, "instructions"))
        return _records(loaded, findings, measurement, watch, read_device(root), sustained > 0)


@dataclass
class _Finding:
    """What is found out about a case beside its latency."""

    peak_rss_mb: float
    delegated: tuple[int, int] | None
    stages: Stages | None = None
    accuracy: DataAccuracy | None = None
    offline: Offline | None = None
    ceiling: Ceiling | None = None
    instructions: tuple[Instructions, ...] = ()


def _finding(one: LoadedCase) -> _Finding:
    peak = one.process.ask("memory")["peak_rss_mb"]
    taken = one.taken if one.case.delegate else one.process.ask("delegated")["operators"]
    return _Finding(peak, None if taken is None else (taken, one.case.operators))


def _way(one: LoadedCase) -> tuple[str, int, bool]:
    """What decides which ceiling is a model's: runtime, threads, and whether an accelerator runs it."""
    return one.process.facts["runtime"], one.case.threads, one.case.delegate is not None


def _products(
    loaded: LoadedCases, folder: Path, stack: contextlib.ExitStack
) -> dict[tuple[str, int, bool], ModelProcess]:
    """A process with the ceiling's model for each runtime and number of threads. Accelerators have no ceiling here."""
    ways = dict.fromkeys(_way(one) for one in loaded.ready if one.case.delegate is None)
    path = folder / "products.tflite"
    path.write_bytes(ceiling_model())
    return {way: stack.enter_context(ModelProcess(path, runtime=way[0], threads=way[1])) for way in ways}


def _write_images(data: Dataset, folder: Path) -> Path:
    path = folder / "images.npz"
    chosen = np.linspace(0, len(data) - 1, min(_IMAGES, len(data))).astype(int)
    np.savez(path, *[data.images[index] for index in chosen])
    return path


def _accuracy(process: ModelProcess, case: Case, folder: Path, tell: Callable[[int, int], None]) -> DataAccuracy | None:
    if case.data is None or case.card is None:
        return None
    total = len(case.data)
    pixels, out = folder / "pixels.npy", folder / "probabilities.npy"
    np.save(pixels, case.data.pixels(case.card.input))
    process.ask("predict", pixels=str(pixels), out=str(out), progress=lambda done: tell(done, total))
    figure = Accuracy.of(case.data.targets, np.load(out))
    splits = "+".join(sorted({sample.split for sample in case.data.samples}))
    return DataAccuracy(figure.correct, figure.n, case.data.name, splits, case.data.content_hash)


def _count(
    counter: InstructionCounter,
    ready: Sequence[LoadedCase],
    findings: Sequence[_Finding],
    frames: Sequence[Path],
    tell: Callable[[int, int], None],
) -> None:
    """Executed instructions; threads that wait for each other, and accelerators, cannot be counted."""
    for done, (one, finding) in enumerate(zip(ready, findings, strict=True), start=1):
        case = one.case
        if case.threads == 1 and case.delegate is None:
            finding.instructions = counter.count(case.path, card=case.card, runtime=case.runtime, frames=frames)
        tell(done, len(ready))


def _records(
    loaded: LoadedCases,
    findings: Sequence[_Finding],
    measurement: Measurement,
    watch: DeviceMonitor,
    device: Device,
    sustained: bool,
) -> list[BenchmarkRecord]:
    now = datetime.now(timezone.utc)
    run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    own = max(one.case.threads for one in loaded.ready)
    common = unreliable_reasons(watch.states, cores=device.cores, own=own, others=watch.others)
    first = loaded.ready[0].case.name
    records: list[BenchmarkRecord] = []
    for one, finding, latency in zip(loaded.ready, findings, measurement.latencies, strict=False):
        case, facts = one.case, one.process.facts
        percentiles = {which: latency.percentile(which) for which in PERCENTILES}
        own_reasons = [] if latency.steady else ["the warm-up did not become steady"]
        own_reasons += [] if latency.settled else ["the medians did not settle"]
        records.append(
            BenchmarkRecord(
                run=run,
                created=now.isoformat(timespec="seconds"),
                edgeemo=__version__,
                name=case.name,
                file=str(case.path),
                sha256=case.sha256,
                bytes=case.bytes,
                quantization=case.card.quantization.method if case.card else facts["input_dtype"],
                input_shape=tuple(facts["input_shape"]),
                input_dtype=facts["input_dtype"],
                input_spec=case.card.input if case.card else None,
                macs=case.macs,
                runtime=facts["runtime"],
                runtime_version=facts["version"],
                delegate=facts["delegate"],
                threads=case.threads,
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
                ratio=latency.ratio(measurement.latencies[0], first) if records else None,
                throughput=latency.throughput,
                base_rss_mb=facts["base_rss_mb"],
                peak_rss_mb=finding.peak_rss_mb,
                stages=finding.stages,
                accuracy=finding.accuracy,
                device=device,
                before=watch.states[0],
                after=watch.states[-1],
                rounds_at_s=tuple(round(end, 2) for end in measurement.ends),
                histogram=Histogram.of(latency.samples),
                trend=LatencyTrend.of(latency.medians, measurement.ends) if sustained else None,
                trace=Trace.of(watch.readings),
                delegated=finding.delegated,
                left_out=loaded.left_out,
                offline=finding.offline,
                ceiling=finding.ceiling,
                notes=case.card.notes if case.card else "",
                instructions=finding.instructions,
                reasons=(*common, *own_reasons),
            )
        )
    return records
