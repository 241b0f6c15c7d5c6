"""The training loop: Keras fits, this decides rate, stopping and checkpoints, and resumes where a killed run stood."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.errors import ModelError, RuntimeUnavailableError
from ...edge.common.files import atomic_path, write_json
from ...edge.common.proportion import Accuracy
from ...edge.inference.probabilities import as_probabilities
from ...edge.model.card import ModelCard, Provenance
from ..backend import as_float32, keras, set_seed, tf
from ..config.recipe import Recipe
from ..datasets.splits import TrainingData
from ..distillation.soft_targets import load_targets
from ..evaluation.plots import plot_history
from ..inputs.batches import Batches
from ..inputs.views import ViewTargets
from ..network.ferplus_head import votes_to_learn, without_votes_head
from ..network.model import build_training_model, compile_model, load_model
from . import schedule
from .callbacks import EpochProgress, StepCallback, Summaries
from .distribution import Strategy, open_strategy
from .ema import Averages, swap_ema
from .phases import Stage, current_stage, freeze
from .run import Run
from .warm_start import load_weights

SYNTHETIC_NOTE = "Trained on synthetic, synthetic faces: for demonstration and tests only, useless on real people."


def train(
    run: Run,
    data: TrainingData,
    *,
    quiet: bool = False,
    strategy: Strategy | None = None,
    tensorboard: bool = False,
) -> ModelCard:
    """Train the recipe of a run, from its last finished epoch on.

    Args:
        run: a run folder, new or with finished epochs.
        data: training and validation roles; no test set comes near this code.
        quiet: show no progress.
        strategy: where the replicas are trained; one, here, without it. Every worker needs a run folder of its own.
        tensorboard: write event files into the run; a run that has some goes on writing.

    Returns:
        The card of the finished model, as written into the run.

    Raises:
        EdgeemoError: the data is not the data with which the run was begun, training diverged, or a worker is gone.
    """
    recipe, seed = run.recipe, run.settings.seed
    strategy = strategy or open_strategy("none")
    votes, hashes = votes_to_learn(recipe.loss, run.settings.choice, data.train)
    targets = load_targets(recipe, run.settings.teacher, data.train)
    run.verify(data, **hashes, **targets.hashes)
    set_seed(seed)
    # Runs from before there were phases have none in their history.
    history = [{"epoch": row["epoch"], "phase": 1.0, **row} for row in run.history]
    learned = dataclasses.replace(data, train=targets.train)
    batches, validation = training_batches(
        recipe, learned, seed=seed, views=targets.views, votes=votes, replicas=strategy.replicas
    )
    events = run.folder / "tensorboard"
    summaries = Summaries(events, history) if tensorboard or events.is_dir() else None
    while stage := current_stage(recipe, history):
        try:
            with strategy.scope():
                model = _model_at(run, recipe, history, stage, data.train.labels)
            model.fit(
                strategy.feed(batches, len(history)),
                initial_epoch=len(history),
                epochs=stage.end,
                steps_per_epoch=batches.steps,
                validation_data=strategy.feed(validation),
                validation_steps=validation.steps,
                callbacks=_callbacks(run, recipe, history, stage, batches.steps, summaries, quiet),
                verbose=0,
            )
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            raise RuntimeUnavailableError(
                "another worker is gone, or cannot be reached any more",
                hint=f"start all of them again with --resume {run.folder}",
            ) from error
    return _finish(run, recipe, data, validation)


def training_batches(
    recipe: Recipe,
    data: TrainingData,
    *,
    seed: int,
    views: ViewTargets | None = None,
    votes: np.ndarray | None = None,
    replicas: int = 1,
) -> tuple[Batches, Batches]:
    """Batches of the training role, shuffled and augmented, and of the validation role, in order.

    Args:
        recipe: for the input and everything random.
        data: the roles.
        seed: of shuffling and augmentation.
        views: views of the training split and their targets, instead of random changes.
        votes: of the training role, for a network with a second head.
        replicas: that share a batch.

    Raises:
        ModelError: there are more replicas than images in a batch.
    """
    size, task = recipe.schedule.batch, recipe.task
    if (smallest := min(size, len(data.train), len(data.validation))) < replicas:
        raise ModelError(
            f"batches of {smallest} images cannot be shared by {replicas} replicas",
            expected="an image for each of them in training and validation",
            hint="raise schedule.batch, or train on fewer devices",
        )
    # The second head is not selected by: in validation its weight is 0.
    nobody = None if votes is None else np.zeros((len(data.validation), votes.shape[1]), np.float32)
    return (
        Batches(
            data.train,
            recipe.input,
            size,
            loss=recipe.loss,
            augmentation=recipe.augmentation,
            seed=seed,
            task=task,
            views=views,
            votes=votes,
            replicas=replicas,
        ),
        Batches(data.validation, recipe.input, size, task=task, votes=nobody, replicas=replicas),
    )


def _model_at(run: Run, recipe: Recipe, history: list[dict[str, float]], stage: Stage, labels: tuple[str, ...]) -> Any:
    """The compiled model with which a stage begins or goes on."""
    if len(history) > stage.start:
        return load_model(run.checkpoint(len(history)))
    model = _kept_model(run, recipe, history) if history else build_training_model(recipe, len(labels))
    if run.settings.start and not history:
        load_weights(model, run.settings.start, labels)
    freeze(model, stage.phase.frozen)
    compile_model(model, recipe, learning_rate=stage.phase.learning_rate)
    return model


def _kept_model(run: Run, recipe: Recipe, history: list[dict[str, float]]) -> Any:
    """The model of the epoch that is kept, with its averages if it was measured with them."""
    kept = schedule.kept_epoch(history, recipe.early_stopping) + 1
    model = load_model(run.checkpoint(kept), compile=False)
    if recipe.optimizer.ema:
        swap_ema(model, run.averages(kept))
    return model


def _callbacks(
    run: Run,
    recipe: Recipe,
    history: list[dict[str, float]],
    stage: Stage,
    steps: int,
    summaries: Summaries | None,
    quiet: bool,
) -> list[Any]:
    """What happens in a stage besides fitting, in the order in which it must happen."""
    course = dataclasses.replace(recipe.schedule, epochs=stage.phase.epochs)

    def rate(done: float) -> float:
        return schedule.learning_rate(course, stage.phase.learning_rate, stage.own(history), done - stage.start)

    pace = StepCallback(rate, EpochProgress(stage.planned, steps, quiet=quiet), steps)
    averages = None
    if decay := recipe.optimizer.ema:
        saved = run.averages(len(history)) if len(history) > stage.start else None
        averages = Averages(decay, steps, stage.start, saved)
    keeper = _Keeper(run, recipe, history, stage, pace, averages, summaries)
    return [pace, *([averages] if averages else []), keeper]


class _Keeper(keras.callbacks.Callback):
    """After each epoch saves, records, prunes and decides whether to go on."""

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        history: list[dict[str, float]],
        stage: Stage,
        pace: StepCallback,
        averages: Averages | None,
        summaries: Summaries | None,
    ) -> None:
        super().__init__()
        self.run, self.recipe, self.history, self.stage = run, recipe, history, stage
        self.pace, self.averages, self.summaries = pace, averages, summaries

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = self.pace.row(logs)
        if row["loss"] != row["loss"]:
            raise ModelError(
                f"training diverged in epoch {epoch + 1} (the loss is not a number)",
                hint=f"lower it with --set {self.stage.rate_key}=...",
            )
        self.history.append({"epoch": row["epoch"], "phase": float(self.stage.number), **row})
        # The checkpoint comes first: a kill between the two leaves a checkpoint that the history does not know of,
        # which is repeated; the other way round the history would promise a model that is not there.
        if self.averages:
            self.averages.save(self.run.averages(epoch + 1))
        self.run.save_checkpoint(self.model, epoch + 1)
        self.run.write_history(self.history)
        stopping = self.recipe.early_stopping
        best = schedule.best_epoch(self.history, stopping.monitor) + 1
        self.run.prune_checkpoints({schedule.kept_epoch(self.history, stopping) + 1, epoch + 1})
        self.pace.progress.epoch(epoch, row, "  best" if best == epoch + 1 else "")
        if self.summaries:
            self.summaries.add(self.history[-1])
        if schedule.should_stop(stopping, self.stage.own(self.history)):
            self.model.stop_training = True


def _finish(run: Run, recipe: Recipe, data: TrainingData, validation: Batches) -> ModelCard:
    history = run.history
    kept = schedule.kept_epoch(history, recipe.early_stopping) + 1
    model = as_float32(without_votes_head(_kept_model(run, recipe, history)))
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
        notes=" ".join(_notes(run, data)),
    )
    accuracy = Accuracy.of(data.validation.targets, as_probabilities(outputs, card))
    figure = {"data": data.validation.name, "split": "validation", "epoch": kept, **accuracy.to_dict()}
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


def _notes(run: Run, data: TrainingData) -> Iterator[str]:
    if data.train.name == "synthetic":
        yield SYNTHETIC_NOTE
    if run.settings.start:
        start = Path(run.settings.start)
        yield f"Training began with the weights of {start.parent.name}/{start.name}."


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
