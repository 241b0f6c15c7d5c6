"""The run folder: what a training leaves behind, and how the other commands find it again.

``recipe.toml`` (resolved), ``run.json`` (data and seed), ``data.json`` (hashes of the images), ``history.csv``,
``checkpoints/epoch-0007.npz`` (see :mod:`edgeemo.train.checkpoint`), ``tensorboard/`` if asked for, and at the end
``model.keras``, ``card.json``, ``metrics.json``, ``curves.png``. Every file is written whole or not at all.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ...edge.common.errors import DataError, ModelError
from ...edge.common.files import existing, write_json, write_text
from ...edge.model.card import ModelCard
from ..checkpoint import Checkpoints
from ..config.recipe import Data, Recipe, load_recipe
from ..datasets.audit import drop_leaks, exclude_listed
from ..datasets.dataset import Dataset
from ..datasets.registry import read_dataset
from ..datasets.selection import Choice
from ..datasets.splits import Holdout, TrainingData, stratified, training_data


@dataclass(frozen=True)
class Settings:
    """Settings of a run beside its recipe.

    Args:
        data: source of the data set.
        exclude: lists of images to leave out of training.
        drop_leaks: leave out training images that also stand in the test split.
        skip_bad: leave out broken images.
        seed: of the split, the weights, the shuffling and the augmentation.
        choice: what is used of the data set.
        limit: at most so many training images, drawn stratified by class; 0 takes all.
        teacher: soft targets from ``edgeemo distill``; empty without any.
        start: .keras file of the network with which training begins; empty for random weights.
    """

    data: str
    exclude: tuple[str, ...] = ()
    drop_leaks: bool = False
    skip_bad: bool = False
    seed: int = 0
    choice: Choice = field(default_factory=Choice)
    limit: int = 0
    teacher: str = ""
    start: str = ""

    def dataset(self) -> Dataset:
        """Read the data set and leave out what is to be left out."""
        return self._chosen(read_dataset(self.data, skip_bad=self.skip_bad))

    def training_data(self, recipe: Recipe) -> TrainingData:
        """Return training and validation splits; a test split is left out if the recipe asks for one."""
        fractions, dataset = recipe.data, read_dataset(self.data, skip_bad=self.skip_bad)
        if not fractions.test or not Holdout.needed_by(dataset):
            return self._divided(self._chosen(dataset), fractions, fractions.validation)
        holdout = Holdout(fractions.test, self.seed)
        dataset = self._chosen(holdout.carve(dataset))
        # The recipe's fractions are of the whole; the validation split is carved from what is left of it.
        data = self._divided(dataset, fractions, min(0.5, fractions.validation / (1 - fractions.test)))
        return replace(data, holdout=holdout, test_hash=dataset.split("test").content_hash)

    def _chosen(self, dataset: Dataset) -> Dataset:
        # Before the choice: a training image may be the copy of a test image of a class that is not used.
        for listed in self.exclude:
            dataset = exclude_listed(dataset, listed)
        return self.choice.apply(drop_leaks(dataset) if self.drop_leaks else dataset)

    def _divided(self, dataset: Dataset, settings: Data, validation: float) -> TrainingData:
        data = training_data(dataset, validation=validation, seed=self.seed, folds=settings.folds, fold=settings.fold)
        # After the division: whatever the limit, the same images are selected on.
        return replace(data, train=stratified(data.train, self.limit, seed=self.seed)) if self.limit else data


class Run:
    """A run folder.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @classmethod
    def create(cls, folder: Path, recipe: Recipe, settings: Settings) -> Run:
        """Write recipe and settings into an existing, empty folder."""
        run = cls(folder)
        write_text(folder / "recipe.toml", recipe.to_toml())
        write_json(folder / "run.json", asdict(settings))
        (folder / "checkpoints").mkdir(exist_ok=True)
        return run

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Open an existing run.

        Raises:
            ModelError: not there, or not a run folder.
        """
        path = existing(folder, "a run folder")
        if not (path / "recipe.toml").is_file() or not (path / "run.json").is_file():
            raise ModelError(
                f"{path} is not a run folder",
                expected="a folder that edgeemo train has made, with recipe.toml and run.json",
            )
        return cls(path)

    def copy(self, folder: Path) -> Run:
        """Copy the run into another, empty folder, for a worker that must not write into this one."""
        # What is half-written is no part of the run; event files are the chief's.
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns(".*", "tensorboard"), dirs_exist_ok=True)
        return Run(folder)

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        return load_recipe(str(self.folder / "recipe.toml"))

    @property
    def settings(self) -> Settings:
        """Data and seed."""
        path = self.folder / "run.json"
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            choice = dict(table.get("choice", {}))
            choice["angles"] = tuple(choice.get("angles", ()))
            return Settings(**{**table, "exclude": tuple(table.get("exclude", ())), "choice": Choice(**choice)})
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{path} is damaged ({error})", hint="train again") from error

    @property
    def history(self) -> list[dict[str, float]]:
        """Finished epochs: epoch (from 1), loss, accuracy, val_loss, val_accuracy, learning_rate, seconds."""
        path = self.folder / "history.csv"
        if not path.is_file():
            return []
        try:
            with open(path, newline="", encoding="utf-8") as stream:
                return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
        except (ValueError, TypeError, csv.Error) as error:
            raise ModelError(f"{path} is damaged ({error})", hint="train again") from error

    @property
    def hashes(self) -> dict[str, str]:
        """Content hashes of the splits, and of what else was learned from; none where no training has begun."""
        path = self.folder / "data.json"
        if not path.is_file():
            return {}
        try:
            return {str(name): str(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
        except (ValueError, AttributeError) as error:
            raise ModelError(f"{path} is damaged ({error})", hint="train again") from error

    def verify(self, data: TrainingData, **others: str) -> None:
        """Note the images with which the run begins; later, refuse others.

        Args:
            data: the splits.
            others: hashes of what else is learned from.

        Raises:
            DataError: the run has finished epochs, and they saw other images.
        """
        hashes = {**data.hashes, **others}
        begun = self.hashes
        if not self.history or not begun:
            write_json(self.folder / "data.json", hashes)
            return
        if begun != hashes:
            what = next((name for name in hashes if begun.get(name) != hashes[name]), "train")
            raise DataError(
                f"{self.settings.data} is not the data with which {self.folder} was begun",
                expected=f"content hash {begun.get(what, '')[:16]} of {what}",
                got=hashes.get(what, "")[:16],
                hint="put the original data back, or begin a new run",
            )

    def write_history(self, history: list[dict[str, float]]) -> None:
        """Replace ``history.csv``."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, fieldnames=list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_text(self.folder / "history.csv", stream.getvalue())

    @property
    def checkpoints(self) -> Checkpoints:
        """State of the training after the epochs that are kept."""
        return Checkpoints(self.folder / "checkpoints")

    @property
    def card(self) -> ModelCard:
        """The card of the finished model."""
        path = self._finished("card.json")
        return ModelCard.from_json(path.read_text(encoding="utf-8"), str(path))

    def write_card(self, card: ModelCard) -> None:
        """Replace ``card.json``."""
        write_text(self.folder / "card.json", card.to_json())

    @property
    def model_path(self) -> Path:
        """The finished model."""
        return self._finished("model.keras")

    def _finished(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise ModelError(
                f"{self.folder} has not finished training ({name} is missing)",
                hint=f"continue with: edgeemo train --resume {self.folder}",
            )
        return path
