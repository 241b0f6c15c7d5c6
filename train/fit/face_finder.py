"""Training of a face finder and its second look: data, scenes, mining of what fools them, and the finished models."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...edge.common.errors import DataError, RecipeError
from ...edge.common.files import atomic_path, write_json, write_text
from ...edge.faces.finder import ROLL_UNIT
from ...edge.faces.heatmaps import CELL, Hit
from ...edge.vision.image import is_image, read_image
from ...edge.vision.preprocess import InputSpec, normalize
from ..architectures import FACE_NETWORKS, build
from ..backend import set_seed, tf
from ..config.detection import FinderRecipe
from ..datasets.boxes import BoxDataset, BoxedImage, GrayFile, Region, shrink
from ..inputs.face_crops import CropBatches, CropSet, mine
from ..inputs.scene_batches import SceneBatches
from ..inputs.scenes import Photograph, SceneComposer, SceneSettings, SceneSources
from ..tasks.detection import detection_loss
from ..tasks.face_check import check_loss
from .steps import Prefetch, StepTrainer

#: What is searched for scenes that fool the network: so many, of which the worst share is kept while its scores are
#: above this logit; the pool forgets the oldest.
_SEARCHED, _KEPT, _FOOLED, _POOL = 1536, 1 / 6, -2.0, 4000
#: Longer side to which photographs are reduced before the finder looks at them for the second look's sake, pixels.
_LONGEST = 520
#: Composed scenes for the second look: larger, so that pasted faces have detail, with more that is no face.
_COMPOSED, _LARGER = 9000, 2
#: Of so many neighboring crops one group in :data:`_HELD` is held back: crops of one image stay together.
_GROUP, _HELD = 40, 12


@dataclass(frozen=True)
class FinderData:
    """What a finder is trained on.

    Args:
        photographs: images with boxes; those without any serve as backgrounds too.
        backgrounds: images without faces.
        faces: square crops framed by the face, uint8 gray.
    """

    photographs: BoxDataset
    backgrounds: BoxDataset
    faces: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        if not any(image.has_faces for image in self.photographs):
            raise DataError("there is nothing to learn from", expected="photographs with faces", got="none with a box")
        if not self.faces:
            raise DataError("there is nothing to paste", expected="a folder of face crops", got="no images")
        if not len(self.backgrounds) and all(image.regions for image in self.photographs):
            raise DataError("there are no backgrounds", expected="images without faces", got="none")

    @property
    def hashes(self) -> dict[str, str]:
        """Content hashes of the two sets of images."""
        return {"photographs": self.photographs.content_hash, "backgrounds": self.backgrounds.content_hash}

    def sources(self) -> SceneSources:
        """Return everything decoded, as pyramids."""
        with_boxes = [Photograph(image) for image in self.photographs if image.regions]
        empty = [image for image in self.photographs if not image.regions]
        backgrounds = [Photograph(image) for image in (*empty, *self.backgrounds)]
        return SceneSources(with_boxes, backgrounds, self.faces)


def read_backgrounds(folder: str | Path) -> BoxDataset:
    """Read all images below a folder as images without faces, one of those that are the same at several sizes."""
    seen: dict[bytes, BoxedImage] = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and is_image(path):
            load = GrayFile(path)
            pixels = load()
            if min(pixels.shape) >= 250:
                thumb = cv2.resize(pixels, (12, 8), interpolation=cv2.INTER_AREA) // 24
                seen.setdefault(thumb.tobytes(), BoxedImage(path.name, load))
    return BoxDataset(Path(folder).name, tuple(seen.values()))


def read_faces(folder: str | Path) -> tuple[np.ndarray, ...]:
    """Read all square images below a folder, gray."""
    crops = []
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and is_image(path):
            pixels = read_image(path)
            crops.append(pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    return tuple(crop for crop in crops if crop.shape[0] == crop.shape[1])


def train_finder(
    recipe: FinderRecipe,
    data: FinderData,
    folder: Path,
    *,
    seed: int = 0,
    tell: Callable[[str], None] = lambda line: None,
) -> Any:
    """Train the network that finds; a killed training continues from its last checkpoint.

    Args:
        recipe: how.
        data: what from.
        folder: of the run; gets ``recipe.toml``, ``data.json``, ``state.npz``, ``history.csv`` and ``finder.keras``.
        seed: of weights and scenes.
        tell: told a line of progress every 200 steps.

    Returns:
        tf_keras.Model: with the averaged weights.

    Raises:
        DataError: the folder has a run with other data.
        RecipeError: training diverged.
    """
    _begin(recipe, data, folder)
    set_seed(seed)
    settings, size = recipe.training, (recipe.input.height, recipe.input.width)
    sources = data.sources()
    model = build(
        recipe.architecture.name,
        recipe.input,
        CELL,
        l2=settings.l2,
        options=recipe.architecture.options,
        registry=FACE_NETWORKS,
    )
    trainer = StepTrainer(model, detection_loss(size), settings, folder)
    # A resumed training must not draw the same scenes again.
    composer = SceneComposer(sources, size, settings=recipe.scenes, seed=seed + trainer.step)
    miner = SceneComposer(replace(sources, mined=[]), size, settings=recipe.scenes, seed=seed + trainer.step + 1)
    worst = tf.function(lambda pixels: tf.reduce_max(model(pixels, training=False)[..., 0], axis=1))

    def search() -> None:
        scenes = [miner.background() for _ in range(_SEARCHED)]
        scores = np.concatenate(
            [
                worst(normalize(np.stack(scenes[at : at + 64])[..., None], recipe.input))
                for at in range(0, _SEARCHED, 64)
            ]
        )
        order = np.argsort(-scores)[: int(_SEARCHED * _KEPT)]
        sources.mined.extend(scenes[index] for index in order if scores[index] > _FOOLED)
        del sources.mined[: max(0, len(sources.mined) - _POOL)]

    batches = Prefetch(SceneBatches(composer, batch=settings.batch))
    try:
        trainer.run(batches, report=_reporter(folder, tell), between={settings.mine: search} if settings.mine else {})
    finally:
        batches.close()
    return _keep(trainer, folder / "finder.keras")


def collect_crops(
    recipe: FinderRecipe,
    data: FinderData,
    fast: Callable[[np.ndarray], Sequence[Hit]],
    thorough: Callable[[np.ndarray], Sequence[Hit]],
    *,
    seed: int = 0,
) -> CropSet:
    """Collect what the second look learns from: marked faces, and what the finished finder takes for faces.

    Args:
        recipe: how.
        data: what from.
        fast, thorough: the finder on gray images, in one look and in tiles, with many false hits.
        seed: of the parts that are looked at.
    """
    rng, crops = np.random.default_rng(seed), CropSet(recipe.check.side)

    def photographs() -> Iterator[tuple[np.ndarray, tuple[Region, ...]]]:
        for image in (*data.photographs, *data.backgrounds):
            pixels = image.load()
            scale = min(1.0, _LONGEST / max(pixels.shape))
            scaled = (
                replace(r, x=r.x * scale, y=r.y * scale, width=r.width * scale, height=r.height * scale)
                for r in image.regions
            )
            yield shrink(pixels, scale), tuple(scaled)

    mine(crops, photographs(), thorough, views=1, rng=rng)
    mine(crops, photographs(), fast, views=3, rng=rng)
    backgrounds = ((image.load(), ()) for image in data.backgrounds)
    mine(crops, backgrounds, fast, views=30, rng=rng)
    size = recipe.input.height * _LARGER, recipe.input.width * _LARGER
    composed = SceneSettings(natural=0, smallest=22, largest=1.8 * recipe.input.height, fragments=0.25, text=0.3)
    composer = SceneComposer(replace(data.sources(), photographs=[]), size, settings=composed, seed=seed)
    for _ in range(_COMPOSED):
        pixels, boxes = composer.scene()
        regions = [Region(x - side / 2, y - side / 2, side, side) for x, y, side, _ in boxes.tolist()]
        crops.add_image(pixels, regions, fast(pixels), rng=rng)
    return crops


def train_check(
    recipe: FinderRecipe,
    crops: CropSet,
    folder: Path,
    *,
    seed: int = 0,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[Any, dict[str, float]]:
    """Train the second look.

    Args:
        recipe: how.
        crops: of :func:`collect_crops`.
        folder: of the run; gets ``check.keras``.
        seed: of weights and batches.
        tell: told a line of progress.

    Returns:
        tf_keras.Model with the averaged weights, and its figures on the crops that were held back.
    """
    set_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    settings, spec = recipe.check, check_input(recipe)
    learned, held = crops.split(_GROUP, _HELD)
    model = build("face-check", spec, 2, l2=settings.l2, registry=FACE_NETWORKS)
    trainer = StepTrainer(model, check_loss, settings, folder)
    batches = Prefetch(CropBatches(learned, batch=settings.batch, seed=seed + trainer.step))
    try:
        trainer.run(batches, report=_reporter(folder, tell))
    finally:
        batches.close()
    finished = _keep(trainer, folder / "check.keras")
    return finished, _check_figures(finished, CropBatches(held, batch=settings.batch, seed=seed))


def check_input(recipe: FinderRecipe) -> InputSpec:
    """Return the input of the second look."""
    return replace(recipe.input, height=recipe.check.side, width=recipe.check.side)


def _check_figures(model: Any, batches: CropBatches) -> dict[str, float]:
    pairs = [batches() for _ in range(40)]
    targets = np.concatenate([target for _, target in pairs])
    given = np.concatenate([model.predict_on_batch(pixels) for pixels, _ in pairs])
    faces, rolled = targets[:, 0] > 0.5, targets[:, 2] > 0.5
    errors = np.degrees(np.abs(given[rolled, 1] - targets[rolled, 1]) * ROLL_UNIT)
    return {
        "n": len(targets),
        "faces kept": float((given[faces, 0] > 0).mean()),
        "others kept": float((given[~faces, 0] > 0).mean()),
        "median roll error in degrees": float(np.median(errors)) if len(errors) else float("nan"),
    }


def _begin(recipe: FinderRecipe, data: FinderData, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path, hashes = folder / "data.json", data.hashes
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != hashes:
        raise DataError(f"{folder} was begun with other data", hint="train in a new folder")
    write_json(path, hashes)
    write_text(folder / "recipe.toml", recipe.to_toml())


def _reporter(folder: Path, tell: Callable[[str], None]) -> Callable[[int, float, float], None]:
    path, rows = folder / "history.csv", []

    def report(step: int, loss: float, rate: float) -> None:
        if loss != loss:
            raise RecipeError(
                f"training diverged at step {step} (the loss is not a number)", hint="lower training.rate"
            )
        rows.append((step, round(loss, 5), round(rate, 2)))
        stream = io.StringIO()
        csv.writer(stream).writerows([("step", "loss", "steps per second"), *rows])
        write_text(path, stream.getvalue())
        tell(f"step {step}: loss {loss:.4f}, {rate:.1f} steps/s")

    return report


def _keep(trainer: StepTrainer, path: Path) -> Any:
    model = trainer.averaged()
    with atomic_path(path) as temporary:
        model.save(temporary)
    return model
