"""Options of a new training run, and the checks before it begins; light enough for ``--help``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...edge.common.errors import DataError
from ...edge.common.files import new_folder
from ..datasets.selection import Choice

if TYPE_CHECKING:
    from ..config.recipe import Recipe
    from ..datasets.splits import TrainingData
    from .run import Settings


@dataclass(frozen=True)
class TrainOptions:
    """Options of a new run.

    Args:
        recipe: name of a recipe of the package, or path of a .toml file.
        data: folder, zip or fer2013.csv with a train split; or ``synthetic``.
        overrides: values of the recipe that are changed, as ``schedule.epochs=3``.
        weights: weights to begin with: a finished run or a .keras file; for a pretrained backbone ``imagenet``,
            ``none`` or its .h5 file. None takes the recipe's.
        epochs: epochs instead of the recipe's, in each phase if it has some.
        limit: largest number of training images, stratified by class; None for all.
        teacher: soft targets from ``edgeemo distill``.
        seed: seed of split, weights, shuffling and augmentation.
        exclude: lists of training images to leave out.
        drop_leaks: leave out training images that also stand in the test split.
        skip_bad: leave out broken images instead of refusing the data.
        choice: classes, angles and votes to use.
    """

    recipe: str
    data: str
    overrides: tuple[str, ...] = ()
    weights: str | None = None
    epochs: int | None = None
    limit: int | None = None
    teacher: str | None = None
    seed: int = 0
    exclude: tuple[str, ...] = ()
    drop_leaks: bool = False
    skip_bad: bool = False
    choice: Choice = field(default_factory=Choice)

    def resolve(self) -> tuple[Recipe, Settings]:
        """Return the recipe with its changes, and the settings of the run, with paths that hold from any folder.

        Raises:
            EdgeemoError: an unknown recipe or value, or weights that are not there.
        """
        from ..config.recipe import load_recipe
        from .run import Settings
        from .warm_start import is_start, start_of

        overrides, start = self.overrides, ""
        if self.weights and is_start(self.weights):
            start = str(start_of(self.weights))
        elif self.weights:
            named = self.weights in ("imagenet", "none")
            value = self.weights if named else str(Path(self.weights).absolute())
            # JSON's strings are TOML's.
            overrides = (*overrides, f"architecture.weights={json.dumps(value)}")
        recipe = load_recipe(self.recipe, overrides)
        settings = Settings(
            _absolute(self.data),
            tuple(_absolute(path) for path in self.exclude),
            self.drop_leaks,
            self.skip_bad,
            self.seed,
            self.choice,
            self.limit or 0,
            str(Path(self.teacher).absolute()) if self.teacher else "",
            start,
        )
        return recipe.with_epochs(self.epochs) if self.epochs else recipe, settings


def check_trainable(recipe: Recipe, settings: Settings, splits: TrainingData) -> Iterator[str]:
    """Fail on what cannot be trained, before there is a run, and yield warnings.

    Raises:
        EdgeemoError: soft targets, votes, weights or the architecture do not fit.
    """
    from ..distillation.soft_targets import load_targets
    from ..network.ferplus_head import votes_to_learn
    from ..network.model import build_model
    from .warm_start import load_weights, warnings

    load_targets(recipe, settings.teacher, splits.train)
    votes_to_learn(recipe.loss, settings.choice, splits.train)
    model = build_model(recipe, len(splits.train.labels))
    if settings.start:
        whole = load_weights(model, settings.start, splits.train.labels)
        yield from warnings(Path(settings.start), splits, whole)


def check_free(out: str) -> None:
    """Refuse an existing run before minutes of reading.

    Raises:
        DataError: the folder is a run already.
        FileError: it has contents, or cannot be made.
    """
    if (Path(out) / "run.json").is_file():
        raise DataError(f"{out} is a run already", hint=f"continue with --resume {out}, or choose another folder")
    made = not Path(out).exists()
    new_folder(out, force=None)
    if made:
        # It could be made; whether it is needed shows when the data has been read.
        Path(out).rmdir()


def _absolute(source: str) -> str:
    return source if source.startswith("synthetic") else str(Path(source).absolute())
