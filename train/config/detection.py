"""Recipes of face finders: what decides how a finder and its second look are trained, as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...edge.common.errors import RecipeError
from ...edge.vision.preprocess import InputSpec
from ..inputs.scenes import SceneSettings
from . import toml
from .overrides import apply_override, from_table
from .sections import Architecture

FOLDER = Path(__file__).parents[1] / "recipes" / "detection"


@dataclass(frozen=True)
class StepSettings:
    """How long and how fast a network is trained by steps.

    Args:
        steps: in all.
        rate: highest learning rate; a cosine leads it to zero.
        warmup: steps up to it.
        weight_decay: of AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101).
        average: decay of the weights' moving average, updated every fifth step.
        checkpoint: steps between two checkpoints.
        batch: scenes or crops of a step.
        l2: penalty on kernels.
    """

    steps: int
    rate: float = 4e-3
    warmup: int = 500
    weight_decay: float = 1e-4
    average: float = 0.99
    checkpoint: int = 1000
    batch: int = 64
    l2: float = 0.0

    def __post_init__(self) -> None:
        for key, value, low, high in (
            ("steps", self.steps, 1, 100_000_000),
            ("rate", self.rate, 0.0, 10.0),
            ("warmup", self.warmup, 0, 1_000_000),
            ("weight_decay", self.weight_decay, 0.0, 1.0),
            ("average", self.average, 0.0, 0.999999),
            ("checkpoint", self.checkpoint, 1, 100_000_000),
            ("batch", self.batch, 2, 65_536),
            ("l2", self.l2, 0.0, 1.0),
        ):
            if not low <= value <= high:
                raise RecipeError(f"recipe {key} is out of range", expected=f"{low} to {high}", got=str(value))


@dataclass(frozen=True)
class FinderSteps(StepSettings):
    """As :class:`StepSettings`.

    Args:
        mine: steps between two searches for scenes without a face that fool the network; 0 never searches.
    """

    mine: int = 1500


@dataclass(frozen=True)
class CheckSteps(StepSettings):
    """As :class:`StepSettings`.

    Args:
        side: of the crop that the second look sees, pixels.
    """

    side: int = 48


@dataclass(frozen=True)
class FinderRecipe:
    """A whole recipe. See the sections' own classes."""

    name: str
    title: str
    input: InputSpec
    architecture: Architecture
    training: FinderSteps
    check: CheckSteps
    scenes: SceneSettings = field(default_factory=SceneSettings)

    def __post_init__(self) -> None:
        if self.input.channels != "gray":
            raise RecipeError("a face finder's input", expected="gray", got=self.input.channels)
        if self.input.width % 4:
            raise RecipeError("a face finder's input.width", expected="a multiple of 4", got=str(self.input.width))

    def to_toml(self) -> str:
        """Return the recipe as TOML, every value written out."""
        table = dataclasses.asdict(self)
        table["architecture"] = {"name": self.architecture.name, **self.architecture.options}
        return toml.dumps(table)


def load_finder_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> FinderRecipe:
    """Read a recipe of a face finder.

    Args:
        name_or_path: name of one of the package's, or a path that ends in ``.toml``.
        overrides: ``section.key=value`` each.

    Raises:
        RecipeError: unknown recipe, broken TOML, unknown key, wrong type, value out of range.
    """
    path = Path(name_or_path) if str(name_or_path).endswith(".toml") else FOLDER / f"{name_or_path}.toml"
    try:
        table: dict[str, Any] = toml.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(each.stem for each in FOLDER.glob("*.toml")))
        raise RecipeError(
            f"unknown recipe {str(name_or_path)!r}", expected=f"one of {known}, or a .toml file"
        ) from error
    except (toml.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"{path} is not a readable recipe ({error})", expected="TOML") from error
    for override in overrides:
        apply_override(table, override)
    network = table.get("architecture")
    if isinstance(network, dict):
        options = {key: value for key, value in network.items() if key != "name"}
        table["architecture"] = {"name": network.get("name", ""), "options": options}
    return from_table(FinderRecipe, table, str(path))
