"""``edgeemo predict``: classify the faces in images."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from ..common.errors import EXIT_ERROR, EdgeemoError, OptionError
from ..common.tables import terminal_table
from ..emotions import Analysis, Emotions
from ..faces.face import Face
from ..model.zoo import names_model
from ..sinks.events import SCHEMA
from .inference import InferenceOptions, inference_options
from .options import json_option

_HEADER = ("image", "face", "box", "emotion", "probability", "next most likely")
#: How many labels are named after the first.
_RUNNERS_UP = 2
_NO_PIXELS = np.empty((0, 0), np.uint8)


@click.command(name="predict", short_help="Find and classify the faces in images.")
@click.argument("arguments", metavar="[MODEL] IMAGE...", nargs=-1, required=True)
@inference_options
@json_option("Print one JSON document instead of a table.")
@click.pass_context
def command(
    ctx: click.Context,
    arguments: tuple[str, ...],
    inference: InferenceOptions,
    as_json: bool,
) -> None:
    """Find the faces in every IMAGE and print the emotion that MODEL sees in each.

    MODEL is a .tflite or the name of a model that ships; without one, the default is taken.

    An image without a face is listed, and is no error. One that cannot be read is reported, the others are still
    classified, and the exit code is 1.

    Example: edgeemo predict photo.jpg team.png --json
    """
    first, *others = arguments
    model, images = (first, others) if names_model(first) else (None, [first, *others])
    model = inference.chosen_model(model)
    if not images:
        raise OptionError(f"{first} is a model: name the images to classify after it")
    emotions = Emotions(inference.open_classifier(model), inference.open_detector(), search=inference.search)
    results: list[tuple[str, Analysis | EdgeemoError]] = []
    for name in images:
        try:
            # Without the pixels: a folder of photographs may be named.
            results.append((name, replace(emotions.analyze(name), image=_NO_PIXELS)))
        except EdgeemoError as error:
            results.append((name, error))
            click.echo(f"Error: {error}", err=True)
    click.echo(_document(model, results) if as_json else _table(results), nl=False)
    if any(isinstance(result, EdgeemoError) for _, result in results):
        ctx.exit(EXIT_ERROR)


def _document(model: str, results: list[tuple[str, Analysis | EdgeemoError]]) -> str:
    images: list[dict[str, Any]] = []
    for name, result in results:
        if isinstance(result, EdgeemoError):
            images.append({"image": name, "error": str(result)})
        else:
            images.append(result.to_dict())
    return json.dumps({"schema": SCHEMA, "model": model, "images": images}, indent=2) + "\n"


def _table(results: list[tuple[str, Analysis | EdgeemoError]]) -> str:
    rows = [_HEADER]
    for name, result in results:
        if isinstance(result, EdgeemoError):
            continue
        # Names that are not text would stop the printing.
        shown = click.format_filename(Path(name))
        rows += [_row(shown, number, face) for number, face in enumerate(result.faces, 1)]
        if not result.faces:
            rows.append((shown, "-", "-", "no face detected", "-", "-"))
    return terminal_table(rows, left=range(len(_HEADER))) + "\n" if len(rows) > 1 else ""


def _row(name: str, number: int, face: Face) -> tuple[str, str, str, str, str, str]:
    box = face.box
    others = sorted(face.scores.items(), key=lambda pair: -pair[1])
    following = [f"{label} {value:.1%}" for label, value in others if label != face.label][:_RUNNERS_UP]
    place = f"{box.width}x{box.height} at {box.x},{box.y}"
    return name, str(number), place, face.label, f"{face.score:.1%}", ", ".join(following)
