"""Options of quantization-aware training, without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...edge.common.errors import OptionError, RecipeError
from ...train.config.sections import Qat

if TYPE_CHECKING:
    from ...train.config.recipe import Recipe


@dataclass(frozen=True)
class Distillation:
    """Distillation from the float model (Hinton, Vinyals and Dean 2015, arXiv:1503.02531).

    Args:
        temperature: softens both outputs. 2 is low: the student is as large as its teacher, and Hinton et al. needed
            more only to teach much smaller ones.
        weight: of the teacher, 0 to 1; the labels keep the rest. Half: the teacher says what quantization has to keep,
            the labels that its mistakes need not be kept.
    """

    temperature: float = 2.0
    weight: float = 0.5

    @classmethod
    def of(cls, section: Qat) -> Distillation | None:
        """Return the distillation of a recipe; None without any."""
        return cls(section.temperature, section.distillation) if section.distillation else None


@dataclass(frozen=True)
class QatOptions:
    """Options of quantization-aware training.

    Args:
        epochs: instead of the recipe's ``qat.epochs``.
        steps: batches in an epoch at most, to try a large network in short time.
        skip: layers that stay in floating point.
        distillation: learn from the float model too; None does what the recipe says.
        overrides: values of the recipe that are changed, as ``qat.learning_rate=1e-6``.
    """

    epochs: int | None = None
    steps: int | None = None
    skip: tuple[str, ...] = ()
    distillation: Distillation | None = None
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("steps", self.steps)):
            if value is not None and value < 1:
                raise OptionError(f"the {name} of quantization-aware training are too few", expected="1 or more")

    def recipe(self, trained: Recipe) -> Recipe:
        """Return the recipe to train by.

        Args:
            trained: recipe of the float model.

        Raises:
            OptionError: an unknown value, or another network, input, task or data split.
        """
        recipe = trained.changed(self.overrides)
        for section in ("architecture", "input", "task", "data"):
            if getattr(recipe, section) != getattr(trained, section):
                raise RecipeError(
                    f"{section} cannot be changed any more",
                    expected="values of how it is trained, as qat.learning_rate=1e-6",
                    hint="train another float model for it",
                )
        return recipe

    @property
    def note(self) -> str:
        """Sentence for the card, if layers were skipped."""
        return f"In floating point: {', '.join(self.skip)}." if self.skip else ""
