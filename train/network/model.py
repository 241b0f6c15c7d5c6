"""The network of a recipe: built, compiled and loaded."""

from __future__ import annotations

from typing import Any

from ...edge.common.errors import ModelError
from ...edge.common.files import sha256
from .. import architectures
from ..backend import keras, precision
from ..config.recipe import Recipe
from .ferplus_head import EMOTION, VOTES, with_votes_head
from .losses import accuracy, classification_loss


def build_model(recipe: Recipe, classes: int) -> Any:
    """Build an untrained network as it will be deployed; see :func:`edgeemo.train.architectures.build`.

    Raises:
        EdgeemoError: it cannot be built, or the recipe is for another number of classes.
    """
    network, outputs = recipe.architecture, recipe.outputs(classes)
    with precision(recipe.optimizer.precision):
        return architectures.build(network.name, recipe.input, outputs, l2=recipe.optimizer.l2, options=network.options)


def build_training_model(recipe: Recipe, classes: int) -> Any:
    """Build the network with what is there for training alone: the second head, if the recipe has one."""
    model = build_model(recipe, classes)
    if not recipe.loss.ferplus_head:
        return model
    with precision(recipe.optimizer.precision):
        return with_votes_head(model)


def compile_model(model: Any, recipe: Recipe, *, learning_rate: float) -> None:
    """Compile with the recipe's optimizer and loss and top-1 accuracy; a second head gets its share of the loss."""
    optimizer = recipe.optimizer
    if optimizer.name == "sgd":
        chosen = keras.optimizers.SGD(learning_rate, momentum=optimizer.momentum, nesterov=True)
    elif optimizer.name == "adamw":
        chosen = keras.optimizers.AdamW(learning_rate, weight_decay=optimizer.weight_decay)
    else:
        chosen = keras.optimizers.Adam(learning_rate)
    loss, metric = classification_loss(recipe.loss, recipe.task), accuracy(recipe.task)
    # jit_compile made training four times slower on the CPU.
    if VOTES not in model.output_names:
        model.compile(chosen, loss, metrics=[metric], jit_compile=False)
        return
    model.compile(
        chosen,
        # The votes are soft already: neither smoothed nor focused.
        {EMOTION: loss, VOTES: keras.losses.CategoricalCrossentropy()},
        loss_weights={EMOTION: 1.0, VOTES: recipe.loss.ferplus_head},
        metrics={EMOTION: [metric]},
        jit_compile=False,
    )


def load_model(path: Any, *, compile: bool = True) -> Any:
    """Load a .keras file of tf_keras.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        return keras.models.load_model(path, compile=compile)
    except (OSError, ValueError, KeyError, TypeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{path} cannot be loaded as a Keras model ({first})", expected="a .keras or .h5 file of tf_keras"
        ) from error


def weights_digest(model: Any) -> str:
    """Return the hex SHA-256 of all weights in their order: equal for models that are the same bit for bit."""
    return sha256(b"".join(weight.tobytes() for weight in model.get_weights()))
