"""The steps from a frame, or a face crop, to a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from ...edge.common.errors import DataError
from ...edge.common.files import existing
from ...edge.vision.image import is_image, read_image
from ..measure.stages import measure_stages
from ..record import BenchmarkRecord
from ..report.units import milliseconds
from .probe import BenchmarkRun, Column, Probe, Records, Section, table_rows

#: Face crops or frames that are timed at most.
_QUERIES = 100
_STAGES = ("decode", "detect", "preprocess", "invoke", "postprocess", "total")


def frame_paths(places: Sequence[str | Path]) -> list[Path]:
    """Return the images that ``--frames`` names.

    Args:
        places: images, or folders of images.

    Raises:
        EdgeemoError: nothing is there, a folder without images, or an image that cannot be decoded.
    """
    paths = [path for place in places for path in _images(existing(place, "an image, or a folder of images"))]
    for path in paths:
        # An image that cannot be decoded is an error before minutes of measuring, not after.
        read_image(path)
    return paths


def _images(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(image for image in path.iterdir() if is_image(image))
    if not found:
        raise DataError(f"{path} has no images", expected="images with faces", hint="check the path")
    return found


def _prepare(run: BenchmarkRun) -> list[Path]:
    return frame_paths(run.value("frames", ()))


def _measure(run: BenchmarkRun) -> Sequence[Mapping[str, Any]]:
    processes = [one.process for one in run.cases]
    queries = min(run.options.queries, _QUERIES)
    return [{"stages": found} for found in measure_stages(processes, run.prepared["stages"], queries=queries)]


def _cell(record: BenchmarkRecord, stage: str) -> str:
    return milliseconds(getattr(record.stages, stage))


def _sections(records: Records) -> Iterable[Section]:
    shown = [record for record in records if record.stages]
    if not shown:
        return
    columns = [Column(name, partial(_cell, stage=name)) for name in _STAGES]
    found = [record.stages for record in shown if record.stages and record.stages.frames]
    frames = dict.fromkeys(f"{stages.frames} frames, {stages.faces:.1f} faces in each" for stages in found)
    text = f"Medians of {'; '.join(frames)}. The total is the median of the whole." if frames else ""
    yield Section("Stages, median ms", table_rows(shown, columns), text)


def _details(records: Records) -> Iterable[str]:
    for record in records:
        if (stages := record.stages) and stages.frames:
            parts = ", ".join(f"{name} {milliseconds(getattr(stages, name))}" for name in _STAGES[:-1])
            yield (
                f"{record.name}: a frame takes {milliseconds(stages.total)} ms ({parts}), "
                f"medians of {stages.frames} frames, {stages.faces:.1f} faces in each"
            )


#: Without it face crops are timed.
_FRAMES = click.Option(
    ["--frames"],
    metavar="PATH",
    multiple=True,
    help="Image, or folder of images, of people: times decode, detect and all stages to the label.",
)
PROBE = Probe(measure=_measure, prepare=_prepare, sections=_sections, details=_details, options=(_FRAMES,))
