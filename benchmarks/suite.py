"""Benchmark several models side by side: the function behind ``edgeemo benchmark``, for Python callers too."""

from __future__ import annotations

import contextlib
import functools
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ..edge.common.errors import OptionError
from ..edge.common.version import __version__
from ..edge.host.hardware import Device, read_device
from ..train.datasets.dataset import Dataset
from .cases import case_matrix
from .host.monitor import DeviceMonitor, Trace
from .host.reliability import unreliable_reasons
from .measure.latency import LatencyMeasurement, measure, warm_up
from .measure.loading import LoadedCase, LoadedCases, Progress, load_all
from .measure.roofline import Ceiling, ceiling_model
from .options import BenchmarkOptions
from .probes.probe import BenchmarkRun, Probe
from .probes.registry import chosen_probes
from .record import BenchmarkRecord
from .statistics.histogram import Histogram
from .statistics.latency_trend import LatencyTrend
from .statistics.percentiles import PERCENTILES
from .worker.client import ModelProcess

#: Images whose tensors the queries go through in turn.
_IMAGES = 16
#: Fields of the records, one dictionary for each case.
_Fields = list[dict[str, Any]]


def benchmark(
    models: Sequence[str | Path], options: BenchmarkOptions | None = None, *, progress: Progress | None = None
) -> list[BenchmarkRecord]:
    """Measure models side by side on this device.

    Each model gets a fresh process of its own (load time, first inference, peak memory); the steady latency of all is
    measured in turns. The probes follow, in the same processes.

    Args:
        models: .tflite files; the first is what the others are compared with. The same may come twice.
        options: what is measured, and how long.
        progress: called with what is being done, the steps done, and all of them.

    Returns:
        One record for each model, runtime, number of threads and delegate, in the order given.

    Raises:
        DelegateError: a delegate that cannot be used or runs nothing of a model; of several, when nothing is left.
        EdgeemoError: no models, an option out of range, a model that cannot be loaded, that contradicts its card or has
            none though there are data, or whose labels do not fit them.
    """
    if not models:
        raise OptionError("no models to benchmark", expected="at least one .tflite")
    options = options or BenchmarkOptions()
    cases = case_matrix(
        models,
        runtimes=options.runtimes,
        threads=options.threads,
        delegates=options.delegates,
        card=options.card,
        data=options.data,
    )
    probes = chosen_probes(options.probe_options)
    with tempfile.TemporaryDirectory(prefix="edgeemo-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        run = BenchmarkRun(options, folder, progress or (lambda what, done, total: None), stack)
        run.prepared = {name: probe.prepare(run) for name, probe in probes.items() if probe.prepare}
        images = None if options.data is None else _write_images(options.data, folder)
        loaded = load_all(cases, images, stack, run.progress, strict=len(set(options.delegates)) == 1)
        run.cases = loaded.cases
        products = _products(loaded, folder, stack) if options.ceiling else {}
        processes = [*(one.process for one in loaded.cases), *products.values()]
        warm = warm_up(processes)
        # The device is watched from here, when the clock is up, until all is timed.
        with DeviceMonitor(root=options.root, pids=[process.facts["pid"] for process in processes]) as monitor:
            run.measurement = measure(
                processes,
                warm,
                queries=options.queries,
                seconds=options.seconds,
                together=60 * options.sustained,
                progress=functools.partial(run.progress, "latency"),
            )
            fields = _latency_fields(run.measurement, loaded, sustained=options.sustained > 0)
            ceilings = dict(zip(products, run.measurement.latencies[len(loaded.cases) :], strict=True))
            for one, own, latency in zip(loaded.cases, fields, run.measurement.latencies, strict=False):
                if reached := ceilings.get(_setup(one)):
                    own["ceiling"] = Ceiling.of(latency, one.case.macs, reached)
            _measure(run, {name: probe for name, probe in probes.items() if probe.timed}, fields)
        _measure(run, {name: probe for name, probe in probes.items() if not probe.timed}, fields)
        return _records(loaded, fields, monitor, read_device(options.root))


def _measure(run: BenchmarkRun, probes: Mapping[str, Probe], fields: _Fields) -> None:
    """Measure with one probe after the other, and add its figures to the fields of the records."""
    for name, probe in probes.items():
        if probe.measure:
            for own, found in zip(fields, probe.measure(run), strict=True):
                own.update(found)
        if probe.in_worker:
            for own, one in zip(fields, run.cases, strict=True):
                own["metrics"][name] = one.process.ask("probe", name=name)["value"]


def _setup(one: LoadedCase) -> tuple[str, int, bool]:
    """Return what decides which ceiling is a model's: runtime, threads, and whether an accelerator runs it."""
    return one.process.facts["runtime"], one.case.threads, one.case.delegate is not None


def _products(
    loaded: LoadedCases, folder: Path, stack: contextlib.ExitStack
) -> dict[tuple[str, int, bool], ModelProcess]:
    """Start a process with the ceiling's model for each runtime and number of threads; accelerators have none."""
    setups = dict.fromkeys(_setup(one) for one in loaded.cases if one.case.delegate is None)
    path = folder / "products.tflite"
    path.write_bytes(ceiling_model())
    return {setup: stack.enter_context(ModelProcess(path, runtime=setup[0], threads=setup[1])) for setup in setups}


def _write_images(data: Dataset, folder: Path) -> Path:
    path = folder / "images.npz"
    chosen = np.linspace(0, len(data) - 1, min(_IMAGES, len(data))).astype(int)
    np.savez(path, *[data.images[index] for index in chosen])
    return path


def _latency_fields(measurement: LatencyMeasurement, loaded: LoadedCases, *, sustained: bool) -> _Fields:
    """Return the fields of each case's record that its latency gives."""
    found: _Fields = []
    for latency in measurement.latencies[: len(loaded.cases)]:
        percentiles = {which: latency.percentile(which) for which in PERCENTILES}
        reasons = [] if latency.steady else ["the warm-up did not become steady"]
        reasons += [] if latency.settled else ["the medians did not settle"]
        found.append(
            {
                "n": len(latency.samples),
                "warm_up": latency.warm_up,
                "steady": latency.steady,
                "mean_ms": latency.mean,
                **{f"p{which}_ms": value.value if value else None for which, value in percentiles.items()},
                "bounds_ms": {f"p{which}": value.bound for which, value in percentiles.items() if value},
                "rounds_ms": tuple(float(median) for median in latency.medians),
                "rounds_at_s": tuple(round(end, 2) for end in measurement.ends),
                "ratio": latency.ratio(measurement.latencies[0], loaded.cases[0].case.name) if found else None,
                "throughput": latency.throughput,
                "histogram": Histogram.of(latency.samples),
                "trend": LatencyTrend.of(latency.medians, measurement.ends) if sustained else None,
                "reasons": tuple(reasons),
                "metrics": {},
            }
        )
    return found


def _records(loaded: LoadedCases, fields: _Fields, monitor: DeviceMonitor, device: Device) -> list[BenchmarkRecord]:
    now = datetime.now(timezone.utc)
    run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    own = max(one.case.threads for one in loaded.cases)
    common = unreliable_reasons(monitor.states, cores=device.cores, own=own, others=monitor.others)
    records = []
    for one, found in zip(loaded.cases, fields, strict=True):
        case, facts = one.case, one.process.facts
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
                base_rss_mb=facts["base_rss_mb"],
                device=device,
                before=monitor.states[0],
                after=monitor.states[-1],
                trace=Trace.of(monitor.readings),
                left_out=loaded.left_out,
                notes=case.card.notes if case.card else "",
                **{**found, "reasons": (*common, *found["reasons"])},
            )
        )
    return records
