"""The end-to-end demo, ``edgeemo demo``: synthetic faces, and the same code that runs on real ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from .edge.common.console import message
from .edge.common.files import new_folder, write_text

if TYPE_CHECKING:
    import numpy as np

    from .benchmarks.record import BenchmarkRecord
    from .edge.sinks.base import Update
    from .optimize.validation import AccuracyChange
    from .train.fit.run import Run

TEST_FACES = 3_000  # enough for a gate of 1.5 points to be decided by the models and not by the sample
CLIP_FRAMES = 140
MAX_DROP = 1.5
METHODS = ("float32", "int8", "qat")
_T = TypeVar("_T")


@click.command("demo")
@click.option("--out", default="edgeemo-demo", show_default=True, help="New folder for models and report.")
@click.option("--seed", default=0, show_default=True, help="Seed of the faces and the training.")
@click.option("--force", is_flag=True, help="Replace an earlier demo in that folder.")
def command(out: str, seed: int, force: bool) -> None:
    """Run an end-to-end demo on synthetic faces in minutes.

    Trains a small network, quantizes it after and during training, validates that it kept its accuracy, measures the
    latency, and runs the classifier on a synthetic camera clip. It downloads nothing and needs no data set. Its figures
    say nothing about real people.

    Example: edgeemo demo --out /tmp/edgeemo-demo
    """
    folder = new_folder(out, force=force)
    began = time.monotonic()
    run = _step("1/5 train a small network on synthetic faces", lambda: _train(folder / "run", seed, force))
    models = _step("2/5 quantize it, after training and quantization-aware", lambda: _quantize(run, folder, force))
    changes = _step(f"3/5 validate the accuracy on {TEST_FACES:,} test faces", lambda: _validate(run, models))
    records = _step("4/5 benchmark float against int8", lambda: _benchmark(run, models, folder))
    clip = _step("5/5 run the int8 model on a synthetic camera clip", lambda: _camera(models["int8"], folder, seed))
    rows, notes = _rows(models, changes, records), _notes(records, clip)
    write_text(folder / "index.html", _report(run, folder, rows, notes, changes))
    from .edge.common.tables import aligned

    done = f"Done in {time.monotonic() - began:.0f} s. Synthetic faces: these figures say nothing about real people."
    click.echo("\n".join(["", done, "", aligned(rows), "", *notes, "", f"report: {folder / 'index.html'}"]))


@dataclass(frozen=True)
class Clip:
    """Results on the camera clip.

    Args:
        frames: number of frames of the clip.
        found: number of frames in which a face was found.
        right: number of those whose emotion was right.
        rate: frames per second.
        ms: stage -> median milliseconds.
    """

    frames: int
    found: int
    right: int
    rate: float
    ms: dict[str, float]

    def __str__(self) -> str:
        stages = ", ".join(f"{name} {value:.1f}" for name, value in self.ms.items())
        right = self.right / max(self.found, 1)
        return (
            f"face found in {self.found} of {self.frames} frames, emotion right in {right:.0%} of those;\n"
            f"{self.rate:.0f} frames/s, median ms: {stages}"
        )


def _step(title: str, work: Callable[[], _T]) -> _T:
    message(f"{title} ...")
    began = time.monotonic()
    result = work()
    message(f"    {time.monotonic() - began:.0f} s")
    return result


def _train(folder: Path, seed: int, force: bool) -> Run:
    from .train.config.recipe import load_recipe
    from .train.fit.loop import train
    from .train.fit.run import Run, Settings

    recipe, settings = load_recipe("demo"), Settings(f"synthetic:train=4000,test={TEST_FACES},seed={seed}", seed=seed)
    folder = new_folder(folder, force=force)
    if force:
        # Training would count the epochs of an earlier demo as its own.
        (folder / "history.csv").unlink(missing_ok=True)
    run = Run.create(folder, recipe, settings)
    train(run, settings.training_data(recipe))
    return run


def _quantize(run: Run, folder: Path, force: bool) -> dict[str, Path]:
    from .edge.common.files import new_file
    from .optimize.data_splits import run_splits
    from .optimize.quantize import quantize

    splits = run_splits(run)
    paths = {method: new_file(folder / f"demo-{method}.tflite", force=force) for method in METHODS}
    for method, path in paths.items():
        quantize(run, method, path, data=splits)
    return paths


def _validate(run: Run, models: dict[str, Path]) -> dict[str, AccuracyChange]:
    from .optimize.validation import compare_accuracy
    from .train.datasets.registry import read_evaluation_set
    from .train.evaluation.predictor import open_predictor, predict_dataset

    faces = read_evaluation_set(run.settings.data, "test")
    predictors = {method: open_predictor(path) for method, path in models.items()}
    results = {method: predict_dataset(predictor, faces) for method, predictor in predictors.items()}
    targets, reference = results["float32"]
    labels = predictors["float32"].card.labels
    return {method: compare_accuracy(targets, reference, found, labels) for method, (_, found) in results.items()}


def _benchmark(run: Run, models: dict[str, Path], folder: Path) -> list[BenchmarkRecord]:
    from .benchmarks.options import BenchmarkOptions
    from .benchmarks.record import write_records
    from .benchmarks.report.scatter import plot_records
    from .benchmarks.suite import benchmark
    from .train.datasets.registry import read_evaluation_set

    faces = read_evaluation_set(run.settings.data, "test", limit=500)
    records = benchmark(list(models.values()), BenchmarkOptions(queries=1000, data=faces))
    write_records(folder / "benchmark.jsonl", records)
    plot_records(records, folder / "benchmark.png")
    return records


class _Album:
    """A sink that counts right answers and keeps one annotated frame of each emotion.

    Args:
        truths: emotion of each frame of the clip.
    """

    def __init__(self, truths: list[str]) -> None:
        self.truths = truths
        self.found = self.right = 0
        self.shots: list[np.ndarray] = []

    def publish(self, update: Update) -> None:
        import cv2

        frame, result = update.frame, update.result
        if frame is None or result is None or not result.faces:
            return
        face, truth = result.faces[0], self.truths[frame.index]
        self.found += 1
        self.right += face.label == truth
        if frame.index % 20 == 15:
            shot = frame.image.copy()
            box = face.box
            cv2.rectangle(shot, (box.x, box.y), (box.x + box.width, box.y + box.height), (255, 160, 0), 3)
            text = f"{face.label} {face.score:.0%} (drawn: {truth})"
            cv2.putText(shot, text, (12, 468), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 6, cv2.LINE_AA)
            cv2.putText(shot, text, (12, 468), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 2, cv2.LINE_AA)
            self.shots.append(cv2.resize(shot, (320, 240), interpolation=cv2.INTER_AREA))


def _camera(model: Path, folder: Path, seed: int) -> Clip:
    import cv2
    import numpy as np

    from .edge.common.files import atomic_path
    from .edge.faces.registry import open_detector
    from .edge.inference.classifier import Classifier
    from .edge.runner.loop import run_loop
    from .edge.sinks.jsonlines import JsonLinesSink
    from .edge.sources import open_source
    from .train.datasets.synthetic import camera_clip

    path, truths = folder / "clip.avi", []
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (640, 480))
    for image, truth in camera_clip(CLIP_FRAMES, seed=seed + 1):
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        truths.append(truth.emotion)
    writer.release()

    album = _Album(truths)
    with open(folder / "events.jsonl", "w", encoding="utf-8") as stream, open_source(str(path)) as source:
        lines = JsonLinesSink(stream, until=lambda: False)
        lines.start()
        tally = run_loop(source, open_detector(), Classifier.open(model), [lines, album])
        lines.close(10)
    blank = [np.full((240, 320, 3), 255, np.uint8)] * (-len(album.shots) % 4)
    shots = [*album.shots, *blank]
    rows = [np.hstack(shots[start : start + 4]) for start in range(0, len(shots), 4)]
    if rows:
        with atomic_path(folder / "clip.png") as temporary:
            cv2.imwrite(str(temporary), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
    return Clip(tally.frames, album.found, album.right, tally.rate, tally.median_ms())


def _rows(
    models: dict[str, Path], changes: dict[str, AccuracyChange], records: list[BenchmarkRecord]
) -> list[list[str]]:
    rows = [["model", "size", "accuracy", "change, points", "agreement", "p50", "speed", f"gate {MAX_DROP:g}"]]
    for (method, path), record in zip(models.items(), records, strict=True):
        report = changes[method]
        reference = method == "float32"
        low, high = report.bootstrap
        rows.append(
            [
                {"int8": "int8 (post-training)", "qat": "int8 (QAT)"}.get(method, method),
                f"{path.stat().st_size / 1024:.0f} KB",
                f"{report.candidate.value:.1%}",
                "" if reference else f"{report.difference:+.2f} [{low:+.2f}, {high:+.2f}]",
                "" if reference else f"{report.agreement:.1%}",
                "-" if record.p50_ms is None else f"{record.p50_ms:.3f} ms",
                "" if record.ratio is None else f"{1 / record.ratio.median:.1f}x",
                "" if reference else ("passed" if report.passes(MAX_DROP) else "FAILED"),
            ]
        )
    return rows


def _notes(records: list[BenchmarkRecord], clip: Clip) -> list[str]:
    reasons = sorted({reason for record in records for reason in record.reasons})
    return [
        f"accuracy and change on {TEST_FACES:,} synthetic test faces, 95 % CI; speed is against float32, one thread",
        f"camera clip: {clip}",
        *(f"latency is unreliable: {reason}" for reason in reasons),
    ]


def _report(run: Run, folder: Path, rows: list[list[str]], notes: list[str], changes: dict[str, AccuracyChange]) -> str:
    from .edge.common.html import Page

    page = Page("edgeemo demo")
    page.paragraph(run.card.notes, note=True)
    page.table(rows)
    for note in notes:
        page.paragraph(note)
    page.heading("Training")
    page.image(run.folder / "curves.png", "Loss and accuracy by epoch.")
    page.heading("Latency and accuracy")
    page.image(folder / "benchmark.png", "Median latency of one inference against accuracy on 500 synthetic faces.")
    if (folder / "clip.png").exists():
        page.heading("Camera clip")
        page.image(folder / "clip.png", "Frames of the clip, each with the face that was found and its label.")
    for method in METHODS[1:]:
        page.heading(f"Accuracy of {method} compared with float32")
        page.code(changes[method].table())
    page.heading("The same on real faces")
    page.code(
        "edgeemo train edge-res --data archive.zip --drop-leaks --out runs/edge-res\n"
        "edgeemo quantize runs/edge-res --method int8\n"
        "edgeemo validate runs/edge-res runs/edge-res/edge-res-int8.tflite --data archive.zip --max-drop 1.0\n"
        "edgeemo run runs/edge-res/edge-res-int8.tflite --source 0"
    )
    return page.render()
