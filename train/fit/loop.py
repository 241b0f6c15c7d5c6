"""The training loop: Keras fits, this sets rates, saves each epoch, stops, and resumes an interrupted training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.errors import ModelError, RuntimeUnavailableError
from ...edge.common.files import atomic_path, write_json
from ...edge.common.proportion import Accuracy
from ...edge.common.version import package_version
from ...edge.inference.probabilities import as_probabilities
from ...edge.model.card import ModelCard, Provenance
from ..backend import as_float32, keras, set_seed, tf
from ..checkpoint import Checkpoints, TrainingState
from ..config.recipe import EarlyStopping, Recipe
from ..datasets.splits import TrainingData
from ..distillation.soft_targets import load_targets
from ..evaluation.plots import plot_history
from ..inputs.batches import Batches, BatchOptions
from ..inputs.views import ViewTargets
from ..network.ferplus_head import votes_to_learn, without_votes_head
from ..network.model import build_training_model, compile_model
from . import schedule
from .callbacks import EpochProgress, StepCallback, Summaries
from .distribution import Strategy, open_strategy
from .ema import Averages, swap_ema
from .phases import Stage, current_stage, freeze
from .run import Run
from .warm_start import load_weights

SYNTHETIC_NOTE = "Trained on synthetic faces: for demonstration and tests only, useless on real people."


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
        data: training and validation splits; no test set comes near this code.
        quiet: show no progress.
        strategy: where the replicas are trained; one, here, without it. Every worker needs a run folder of its own.
        tensorboard: write event files into the run; a run that has some continues to write.

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
    loop = TrainingLoop(
        batches=batches,
        validation=validation,
        steps=batches.steps,
        stopping=recipe.early_stopping,
        checkpoints=run.checkpoints,
        quiet=quiet,
        history=history,
        strategy=strategy,
        on_epoch=lambda history: _record(run, history, summaries),
    )
    while stage := current_stage(recipe, history):
        try:
            with strategy.scope():
                trained, averages = _begin(run, recipe, history, stage, data.train.labels, batches.steps)
            loop.fit(trained, _plan(recipe, history, stage), averages=averages)
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            raise RuntimeUnavailableError(
                "another worker is gone, or cannot be reached any more",
                hint=f"start all of them again with --resume {run.folder}",
            ) from error
    return _finish(run, recipe, data, loop)


def training_batches(
    recipe: Recipe,
    data: TrainingData,
    *,
    seed: int,
    views: ViewTargets | None = None,
    votes: np.ndarray | None = None,
    replicas: int = 1,
) -> tuple[Batches, Batches]:
    """Return batches of the training split, shuffled and augmented, and of the validation split, in order.

    Args:
        recipe: for the input and everything random.
        data: training and validation splits.
        seed: of shuffling and augmentation.
        views: views of the training split and their targets, instead of random changes.
        votes: FER+ votes of the training split, for a network with a second head.
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
            BatchOptions(loss=recipe.loss, augmentation=recipe.augmentation, seed=seed, task=task, replicas=replicas),
            views=views,
            votes=votes,
        ),
        Batches(data.validation, recipe.input, size, BatchOptions(task=task, replicas=replicas), votes=nobody),
    )


@dataclasses.dataclass(frozen=True)
class Plan:
    """Part of a training that is fitted with one compiled model.

    Args:
        end: finished epochs of the whole training at its end.
        planned: epochs of the whole training, for the progress display.
        rate: finished epochs with the fraction of the current one -> learning rate.
        rate_key: key of the recipe that holds the learning rate.
        phase: number of the phase, for the history; None keeps the column out.
    """

    end: int
    planned: int
    rate: Callable[[float], float]
    rate_key: str
    phase: int | None = None

    def own(self, history: schedule.History) -> list[dict[str, float]]:
        """Return the finished epochs of this part."""
        return [row for row in history if row.get("phase") == self.phase]


class Trained:
    """A model in training with its variables in an order that freezing does not change.

    Args:
        model: model before any of its layers is frozen.
    """

    def __init__(self, model: Any) -> None:
        self.model, self._variables = model, list(model.weights)

    def restore(self, state: TrainingState) -> None:
        """Assign the variables of the model."""
        _assign(self._variables, state.variables)

    def restore_optimizer(self, state: TrainingState) -> None:
        """Assign the variables of the compiled model's optimizer."""
        self.model.optimizer.build(self.model.trainable_variables)
        _assign(optimizer_variables(self.model.optimizer), state.optimizer)

    def state(self, history: list[dict[str, float]], averages: Averages | None) -> TrainingState:
        """Return the state after the last epoch of the history."""
        variables, optimizer = (
            [variable.numpy() for variable in group]
            for group in (self._variables, optimizer_variables(self.model.optimizer))
        )
        return TrainingState(history, variables, optimizer, averages.values() if averages else {})


def optimizer_variables(optimizer: Any) -> list[Any]:
    """Return the variables of an optimizer, with those that scale the loss of a network that computes in float16."""
    # Keras keeps the dynamic scale of the loss out of the wrapped optimizer's variables.
    scale = getattr(optimizer, "_loss_scale", None)
    return [*optimizer.variables, *getattr(scale, "_weights", {}).values()]


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    if len(variables) != len(values) or any(
        tuple(variable.shape) != value.shape for variable, value in zip(variables, values, strict=True)
    ):
        raise ModelError("a checkpoint belongs to another network", hint="train again")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@dataclasses.dataclass
class TrainingLoop:
    """A training, epoch by epoch: float training and quantization-aware training both run in it.

    Args:
        batches, validation: batches to train on and to validate with.
        steps: steps of an epoch.
        stopping: when to stop, and which epoch is the result.
        checkpoints: where each epoch is saved; only the result so far and the last one are kept.
        what: word before the number of an epoch.
        quiet: show no progress.
        history: figures of the finished epochs; grows.
        strategy: where the replicas are trained; one replica here without it.
        stream: change of the stream of training batches, such as the teacher's outputs that distillation adds.
        on_epoch: called with the history after each epoch has been saved.
    """

    batches: Batches
    validation: Batches
    steps: int
    stopping: EarlyStopping
    checkpoints: Checkpoints
    what: str = "epoch"
    quiet: bool = False
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)
    strategy: Strategy | None = None
    stream: Callable[[Any], Any] = lambda batches: batches
    on_epoch: Callable[[list[dict[str, float]]], None] = lambda history: None

    def fit(self, trained: Trained, plan: Plan, *, averages: Averages | None = None) -> None:
        """Train until the end of a part, or until it stops early.

        Args:
            trained: model, compiled.
            plan: part of the training.
            averages: moving averages of the weights.

        Raises:
            EdgeemoError: the training diverged.
        """
        progress = EpochProgress(plan.planned, self.steps, what=self.what, quiet=self.quiet)
        pace = StepCallback(plan.rate, progress, self.steps)
        keeper = _EpochCallback(self, trained, plan, pace, averages)
        first, strategy = len(self.history), self.strategy
        stream = strategy.feed(self.batches, first) if strategy else self.batches.dataset(first)
        validation = strategy.feed(self.validation) if strategy else self.validation.dataset()
        trained.model.fit(
            self.stream(stream),
            initial_epoch=first,
            epochs=plan.end,
            steps_per_epoch=self.steps,
            validation_data=validation,
            validation_steps=self.validation.steps,
            callbacks=[pace, *([averages] if averages else []), keeper],
            verbose=0,
        )

    @property
    def kept_epoch(self) -> int:
        """Finished epochs of the checkpoint that is the result so far."""
        return schedule.kept_epoch(self.history, self.stopping) + 1


class _EpochCallback(keras.callbacks.Callback):
    """After each epoch saves, records, prunes and stops."""

    def __init__(
        self, loop: TrainingLoop, trained: Trained, plan: Plan, pace: StepCallback, averages: Averages | None
    ) -> None:
        super().__init__()
        self.loop, self.trained, self.plan, self.pace, self.averages = loop, trained, plan, pace, averages

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row, loop = self.pace.row(logs), self.loop
        if row["loss"] != row["loss"]:
            raise ModelError(
                f"training diverged in epoch {epoch + 1} (the loss is not a number)",
                hint=f"lower it with --set {self.plan.rate_key}=...",
            )
        phase = {} if self.plan.phase is None else {"phase": float(self.plan.phase)}
        loop.history.append({"epoch": row["epoch"], **phase, **row})
        # The checkpoint comes first: a kill before the history is written leaves a checkpoint that is not in the
        # history, and the epoch is repeated; the other way round the history would name a model that is not there.
        loop.checkpoints.save(self.trained.state(loop.history, self.averages))
        loop.on_epoch(loop.history)
        loop.checkpoints.prune({loop.kept_epoch, epoch + 1})
        best = schedule.best_epoch(loop.history, loop.stopping.monitor) == epoch
        self.pace.progress.epoch(epoch, row, "  best" if best else "")
        if schedule.should_stop(loop.stopping, self.plan.own(loop.history)):
            self.model.stop_training = True


def _record(run: Run, history: list[dict[str, float]], summaries: Summaries | None) -> None:
    run.write_history(history)
    if summaries:
        summaries.add(history[-1])


def _plan(recipe: Recipe, history: list[dict[str, float]], stage: Stage) -> Plan:
    course = dataclasses.replace(recipe.schedule, epochs=stage.phase.epochs)

    def rate(done: float) -> float:
        return schedule.learning_rate(course, stage.phase.learning_rate, stage.own(history), done - stage.start)

    return Plan(stage.end, stage.planned, rate, stage.rate_key, stage.number)


def _begin(
    run: Run, recipe: Recipe, history: list[dict[str, float]], stage: Stage, labels: tuple[str, ...], steps: int
) -> tuple[Trained, Averages | None]:
    """Return the compiled model of a stage and its averages."""
    resumed = run.checkpoints.load(len(history)) if len(history) > stage.start else None
    begun = bool(history) and resumed is None
    trained = _kept(run, recipe, history, labels) if begun else Trained(_built(recipe, history, labels))
    if resumed:
        trained.restore(resumed)
    elif run.settings.start and not history:
        load_weights(trained.model, run.settings.start, labels)
    freeze(trained.model, stage.phase.frozen)
    compile_model(trained.model, recipe, learning_rate=stage.phase.learning_rate)
    if resumed:
        trained.restore_optimizer(resumed)
    decay = recipe.optimizer.ema
    saved = resumed.averages if resumed else None
    return trained, Averages(decay, steps, stage.start, saved) if decay else None


def _built(recipe: Recipe, history: list[dict[str, float]], labels: tuple[str, ...]) -> Any:
    network = recipe.architecture
    if history and "weights" in network.options:
        # The checkpoint has them: the pretrained ones need not be there any more.
        network = dataclasses.replace(network, options={**network.options, "weights": "none"})
    return build_training_model(dataclasses.replace(recipe, architecture=network), len(labels))


def _kept(run: Run, recipe: Recipe, history: list[dict[str, float]], labels: tuple[str, ...]) -> Trained:
    """Return the model of the epoch that is kept, with its averages if it was measured with them."""
    kept = schedule.kept_epoch(history, recipe.early_stopping) + 1
    trained, state = Trained(_built(recipe, history, labels)), run.checkpoints.load(kept)
    trained.restore(state)
    if recipe.optimizer.ema:
        swap_ema(trained.model, state.averages)
    return trained


def _finish(run: Run, recipe: Recipe, data: TrainingData, loop: TrainingLoop) -> ModelCard:
    history = loop.history
    model = as_float32(without_votes_head(_kept(run, recipe, history, data.train.labels).model))
    # What was frozen in a phase is free again for whoever trains further, as quantization-aware training does.
    model.trainable = True
    outputs = model.predict(loop.validation.dataset().map(lambda x, y, w: x), verbose=0)
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
    figure = {"data": data.validation.name, "split": "validation", "epoch": loop.kept_epoch, **accuracy.to_dict()}
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
    """Return the versions of the packages that shape a model."""
    names = ("edgeemo", "tensorflow", "tf_keras", "tensorflow-model-optimization", "numpy", "opencv-python")
    return {"tensorflow": tf.__version__, **{name: found for name in names if (found := package_version(name))}}
