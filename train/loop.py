"""The training loop: Keras fits, this decides rate, stopping and checkpoints, and resumes where a killed run stood."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import time
from typing import Any

from ..edge.accuracy import Accuracy
from ..edge.card import ModelCard, Provenance
from ..edge.classifier import as_probabilities
from ..edge.errors import EdgeemoError
from ..edge.files import atomic_path, write_json
from . import architectures, schedule
from .backend import keras, set_seed, tf
from .datasets.splits import TrainingData
from .evaluation.plots import plot_history
from .phases import Stage, current_stage, freeze
from .pipeline import Batches
from .precision import as_float32, precision
from .progress import Progress
from .recipe import Recipe
from .run import Run

SYNTHETIC_NOTE = "Trained on synthetic, drawn faces: for demonstration and tests only, useless on real people."


def train(run: Run, data: TrainingData, *, quiet: bool = False) -> ModelCard:
    """Train the recipe of a run, from its last finished epoch on.

    Args:
        run: a run folder, new or with finished epochs.
        data: training and validation roles; no test set comes near this code.
        quiet: show no progress.

    Returns:
        The card of the finished model, as written into the run.

    Raises:
        EdgeemoError: the data is not the data with which the run was begun, or training diverged.
    """
    recipe, seed = run.recipe, run.settings.seed
    run.hold_to(data)
    set_seed(seed)
    # Runs from before there were phases have none in their history.
    history = [{"epoch": row["epoch"], "phase": 1.0, **row} for row in run.history]
    batches, validation = training_batches(recipe, data, seed=seed)
    while stage := current_stage(recipe, history):
        keeper = _Keeper(run, recipe, history, stage, batches.steps, quiet)
        _model_at(run, recipe, history, stage, len(data.train.labels)).fit(
            batches.dataset(len(history)),
            initial_epoch=len(history),
            epochs=stage.end,
            steps_per_epoch=batches.steps,
            validation_data=validation.dataset(),
            callbacks=[keeper],
            verbose=0,
        )
    return _finish(run, recipe, data, validation)


def training_batches(recipe: Recipe, data: TrainingData, *, seed: int) -> tuple[Batches, Batches]:
    """Batches of the training role, shuffled and augmented, and of the validation role, in order."""
    size = recipe.schedule.batch
    return (
        Batches(
            data.train,
            recipe.input,
            size,
            loss=recipe.loss,
            augmentation=recipe.augmentation,
            seed=seed,
            task=recipe.task,
        ),
        Batches(data.validation, recipe.input, size, task=recipe.task),
    )


def build_model(recipe: Recipe, classes: int) -> Any:
    """An untrained network for a recipe; see :func:`architectures.build`.

    Raises:
        EdgeemoError: it cannot be built, or the recipe is for another number of classes.
    """
    network, outputs = recipe.architecture, recipe.outputs(classes)
    with precision(recipe.optimiser.precision):
        return architectures.build(network.name, recipe.input, outputs, l2=recipe.optimiser.l2, options=network.options)


def compile_model(model: Any, recipe: Recipe, *, learning_rate: float) -> None:
    """Compile with the recipe's optimiser, smoothed cross-entropy (binary for one sigmoid) and top-1 accuracy."""
    optimiser, smoothing = recipe.optimiser, recipe.loss.label_smoothing
    if optimiser.name == "sgd":
        chosen = keras.optimizers.SGD(learning_rate, momentum=optimiser.momentum, nesterov=True)
    elif optimiser.name == "adamw":
        chosen = keras.optimizers.AdamW(learning_rate, weight_decay=optimiser.weight_decay)
    else:
        chosen = keras.optimizers.Adam(learning_rate)
    binary = recipe.task == "binary"
    loss = keras.losses.BinaryCrossentropy if binary else keras.losses.CategoricalCrossentropy
    # jit_compile made training four times slower on the CPU.
    model.compile(chosen, loss(label_smoothing=smoothing), metrics=["accuracy"], jit_compile=False)


def _model_at(run: Run, recipe: Recipe, history: list[dict[str, float]], stage: Stage, classes: int) -> Any:
    """The compiled model with which a stage begins or goes on."""
    if len(history) > stage.start:
        return load_model(run.checkpoint(len(history)))
    if history:
        best = schedule.best_epoch(history, recipe.early_stopping.monitor) + 1
        model = load_model(run.checkpoint(best), compile=False)
    else:
        model = build_model(recipe, classes)
    freeze(model, stage.phase.frozen)
    compile_model(model, recipe, learning_rate=stage.phase.learning_rate)
    return model


def load_model(path: Any, *, compile: bool = True) -> Any:
    """Load a .keras file of tf_keras.

    Raises:
        EdgeemoError: it cannot be read.
    """
    try:
        return keras.models.load_model(path, compile=compile)
    except (OSError, ValueError, KeyError, TypeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EdgeemoError(
            f"{path} cannot be loaded as a Keras model ({first})", expected="a .keras or .h5 file of tf_keras"
        ) from error


class _Keeper(keras.callbacks.Callback):
    """Sets the rate before each step; after each epoch saves, records, prunes and decides whether to go on."""

    def __init__(
        self, run: Run, recipe: Recipe, history: list[dict[str, float]], stage: Stage, steps: int, quiet: bool
    ) -> None:
        super().__init__()
        self.run, self.recipe, self.history, self.stage, self.steps = run, recipe, history, stage, steps
        self.schedule = dataclasses.replace(recipe.schedule, epochs=stage.phase.epochs)
        self.progress = Progress(stage.planned, steps, quiet=quiet)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.began, self.epoch = time.monotonic(), epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        stage, done = self.stage, self.epoch - self.stage.start + batch / self.steps
        self.rate = schedule.learning_rate(self.schedule, stage.phase.learning_rate, stage.own(self.history), done)
        self.model.optimizer.learning_rate.assign(self.rate)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.progress.step(self.epoch, batch, logs["loss"], logs["accuracy"])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = {"epoch": epoch + 1.0, "phase": float(self.stage.number)}
        row |= {key: float(logs[key]) for key in ("loss", "accuracy", "val_loss", "val_accuracy")}
        row |= {"learning_rate": self.rate, "seconds": round(time.monotonic() - self.began, 2)}
        if row["loss"] != row["loss"]:
            raise EdgeemoError(
                f"training diverged in epoch {epoch + 1} (the loss is not a number)",
                mend=f"lower it with --set {self.stage.rate_key}=...",
            )
        self.history.append(row)
        # The checkpoint comes first: a kill between the two leaves a checkpoint that the history does not know of,
        # which is repeated; the other way round the history would promise a model that is not there.
        self.run.save_checkpoint(self.model, epoch + 1)
        self.run.write_history(self.history)
        best = schedule.best_epoch(self.history, self.recipe.early_stopping.monitor) + 1
        self.run.prune_checkpoints({best, epoch + 1})
        self.progress.epoch(epoch, row, "  best" if best == epoch + 1 else "")
        if schedule.should_stop(self.recipe.early_stopping, self.stage.own(self.history)):
            self.model.stop_training = True


def _finish(run: Run, recipe: Recipe, data: TrainingData, validation: Batches) -> ModelCard:
    history = run.history
    best = schedule.best_epoch(history, recipe.early_stopping.monitor) + 1
    model = as_float32(load_model(run.checkpoint(best), compile=False))
    # What was frozen in a phase is free again for whoever trains further, as quantization-aware training does.
    model.trainable = True
    outputs = model.predict(validation.dataset().map(lambda x, y, w: x), verbose=0)
    with atomic_path(run.folder / "model.keras") as temporary:
        model.save(temporary)
    card = ModelCard(
        name=recipe.name,
        labels=data.train.labels,
        input=recipe.input,
        task=recipe.task,
        provenance=Provenance(
            architecture=recipe.architecture.name,
            recipe=recipe.name,
            dataset=data.train.name,
            dataset_hash=data.train.content_hash,
            split_hashes=data.hashes,
            seed=run.settings.seed,
            versions=versions(),
            holdout=data.holdout.to_dict() if data.holdout else {},
        ),
        notes=SYNTHETIC_NOTE if data.train.name == "synthetic" else "",
    )
    accuracy = Accuracy.of(data.validation.targets, as_probabilities(outputs, card))
    figure = {"data": data.validation.name, "split": "validation", "epoch": best, **accuracy.to_dict()}
    card = card.with_metric("float32 validation", figure)
    write_json(
        run.folder / "metrics.json",
        {
            "validation": figure,
            "epochs": len(history),
            "parameters": int(model.count_params()),
            "seconds": round(sum(row["seconds"] for row in history), 1),
        },
    )
    plot_history(history, run.folder / "curves.png", title=recipe.title)
    run.write_card(card)
    return card


def versions() -> dict[str, str]:
    """Versions of the packages that shape a model."""
    names = ("edgeemo", "tensorflow", "tf_keras", "tensorflow-model-optimization", "numpy", "opencv-python")
    found = {"tensorflow": tf.__version__}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
