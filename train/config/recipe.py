"""Recipes: everything that decides how a model is trained, as data. One TOML file each in ``recipes/``."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...edge.common.errors import RecipeError
from ...edge.model.card import CLASSIFICATION
from ...edge.vision.preprocess import InputSpec
from . import toml
from .overrides import apply_override, extended, from_table
from .sections import Architecture, Augmentation, Data, EarlyStopping, Loss, Optimizer, Phase, Qat, Schedule

FOLDER = Path(__file__).parents[1] / "recipes"


@dataclass(frozen=True)
class Recipe:
    """A whole recipe. See the sections' own classes.

    Args:
        task: ``multiclass`` (softmax over the classes) or ``binary`` (one sigmoid for the second of two classes).
        phase: the parts of a fine-tuning; without them, and from scratch, training is one part. See :attr:`plan`.
    """

    name: str
    title: str
    published: str
    input: InputSpec
    architecture: Architecture
    task: str = "multiclass"
    data: Data = field(default_factory=Data)
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: Loss = field(default_factory=Loss)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    early_stopping: EarlyStopping = field(default_factory=EarlyStopping)
    qat: Qat = field(default_factory=Qat)
    phase: tuple[Phase, ...] = ()

    def __post_init__(self) -> None:
        _one_of("task", self.task, CLASSIFICATION)
        _one_of("loss.class_weights", self.loss.class_weights, ("none", "balanced", "sqrt"))
        _one_of("optimizer.name", self.optimizer.name, ("adam", "adamw", "sgd"))
        _one_of("optimizer.precision", self.optimizer.precision, ("float32", "bfloat16", "float16"))
        _one_of("schedule.kind", self.schedule.kind, ("constant", "plateau", "cosine"))
        _one_of("early_stopping.monitor", self.early_stopping.monitor, ("val_accuracy", "val_loss"))
        _one_of("early_stopping.keep", self.early_stopping.keep, ("best", "last"))
        for key, value, low, high in (
            ("schedule.epochs", self.schedule.epochs, 1, 100_000),
            ("schedule.batch", self.schedule.batch, 1, 65_536),
            ("qat.epochs", self.qat.epochs, 1, 100_000),
            ("qat.distillation", self.qat.distillation, 0.0, 1.0),
            ("qat.temperature", self.qat.temperature, 1.0, 100.0),
            ("schedule.warmup", self.schedule.warmup, 0.0, 100_000.0),
            ("loss.label_smoothing", self.loss.label_smoothing, 0.0, 0.99),
            ("loss.focal_gamma", self.loss.focal_gamma, 0.0, 10.0),
            ("loss.ferplus_head", self.loss.ferplus_head, 0.0, 10.0),
            ("loss.teacher", self.loss.teacher, 0.0, 1.0),
            ("loss.teacher_temperature", self.loss.teacher_temperature, 1.0, 100.0),
            ("augmentation.scale", self.augmentation.scale, 0.0, 0.9),
            ("augmentation.erase", self.augmentation.erase, 0.0, 1.0),
            ("augmentation.mixup", self.augmentation.mixup, 0.0, 10.0),
            ("augmentation.cutmix", self.augmentation.cutmix, 0.0, 10.0),
            ("optimizer.ema", self.optimizer.ema, 0.0, 0.999999),
            ("data.validation", self.data.validation, 0.001, 0.5),
            ("data.test", self.data.test, 0.0, 0.5),
            ("data.validation / (1 - data.test)", self.data.validation / (1 - min(self.data.test, 0.5)), 0.001, 0.5),
            ("data.folds", self.data.folds, 0, 100_000),
            ("data.fold", self.data.fold, 0, max(self.data.folds - 1, 0)),
            (
                "optimizer.weight_decay",
                self.optimizer.weight_decay,
                0.0,
                1.0 if self.optimizer.name == "adamw" else 0.0,
            ),
            *((f"phase.{number}.epochs", phase.epochs, 1, 100_000) for number, phase in enumerate(self.phase, start=1)),
        ):
            if not low <= value <= high:
                raise RecipeError(f"recipe {key} is out of range", expected=f"{low} to {high}", got=str(value))

    @property
    def plan(self) -> tuple[Phase, ...]:
        """The parts that training goes through: ``phase``, or one part with the rate and epochs of the other sections.

        Phases fine-tune what was learned elsewhere, so a net whose option ``weights`` is ``none`` has one part: a
        frozen backbone of random weights, or a very low rate, would leave it untrained.
        """
        if self.phase and self.architecture.options.get("weights") != "none":
            return self.phase
        return (Phase(self.schedule.epochs, self.optimizer.learning_rate),)

    def with_epochs(self, epochs: int) -> Recipe:
        """Return the same training in so many epochs, in every phase if it has some; a shorter one warms up less."""
        warmup = self.schedule.warmup * min(1.0, epochs / self.schedule.epochs)
        schedule = replace(self.schedule, epochs=epochs, warmup=warmup)
        return replace(self, schedule=schedule, phase=tuple(replace(phase, epochs=epochs) for phase in self.phase))

    def changed(self, overrides: Sequence[str]) -> Recipe:
        """Return the recipe with other values; see :func:`load_recipe`.

        Raises:
            EdgeemoError: unknown key or wrong type.
        """
        table = toml.parse(self.to_toml())
        for override in overrides:
            apply_override(table, override)
        return parse_recipe(table, self.name)

    def outputs(self, classes: int) -> int:
        """Return the number of outputs of the network for so many classes.

        Raises:
            RecipeError: a binary task, and not two classes.
        """
        if self.task != "binary":
            return classes
        if classes != 2:
            raise RecipeError(
                f"recipe {self.name} tells two classes apart", expected="data with two classes", got=str(classes)
            )
        return 1

    def to_toml(self) -> str:
        """Return the recipe as TOML, every value written out."""
        table = dataclasses.asdict(self)
        table["phase"] = list(table["phase"])
        table["architecture"] = {"name": self.architecture.name, **self.architecture.options}
        return toml.dumps(table)


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name_or_path: name of a recipe of the package, with or without ``.toml``, or a path that ends in it. A file
            in the working folder hides the package's. A recipe with ``extends`` (name or path of another, a path
            from its own folder) has that one's values where it gives none.
        overrides: ``section.key=value`` each; the value is TOML, or a plain word. ``phase.1.epochs`` is the first's.

    Raises:
        EdgeemoError: unknown recipe (the message names the known ones), broken TOML, unknown key, wrong type.
    """
    path = _recipe_file(name_or_path)
    table = _read_table(path)
    for override in overrides:
        apply_override(table, override)
    return parse_recipe(table, str(path))


def _recipe_file(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if not name_or_path.endswith(".toml") or (path.name == name_or_path and not path.exists()):
        path = FOLDER / f"{name_or_path.removesuffix('.toml')}.toml"
    if not path.is_file():
        close = difflib.get_close_matches(path.stem, recipe_names(), n=1)
        raise RecipeError(
            f"unknown recipe {name_or_path!r}",
            expected=f"one of {', '.join(recipe_names())}",
            hint=f"did you mean {close[0]}?" if close else "or give the path of a .toml file",
        )
    return path


def _read_table(path: Path, *heirs: Path) -> dict[str, Any]:
    """The values of a recipe file and, where it has none, those of the recipe that it extends.

    Args:
        path: the file.
        heirs: the files that extend it.
    """
    if path.resolve() in [heir.resolve() for heir in heirs]:
        raise RecipeError(f"{path} extends itself", expected="a recipe that ends in one without extends")
    try:
        table: dict[str, Any] = toml.parse(path.read_text(encoding="utf-8"))
    except (toml.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"{path} is not a readable recipe ({error})", expected="TOML") from error
    if (parent := table.pop("extends", None)) is None:
        return table
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: extends is not a recipe", expected="its name or path", got=repr(parent))
    beside = path.parent / parent
    file = beside if parent.endswith(".toml") and beside.is_file() else _recipe_file(parent)
    return extended(_read_table(file, path, *heirs), table)


def parse_recipe(table: dict[str, Any], where: str) -> Recipe:
    """Turn a parsed TOML table into a recipe; see :func:`load_recipe`."""
    table = dict(table)
    network = table.get("architecture")
    if isinstance(network, dict):
        options = {key: value for key, value in network.items() if key != "name"}
        table["architecture"] = {"name": network.get("name", ""), "options": options}
    return from_table(Recipe, table, where)


def _one_of(key: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise RecipeError(f"recipe {key} is unknown", expected=f"one of {', '.join(known)}", got=repr(value))
