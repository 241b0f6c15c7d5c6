"""What is known of each system, gathered from run folders, the cards inside their models, and benchmark records.

Nothing is measured here and nothing is guessed: a figure stands in a card or a record, or it is missing and the command
that makes it is named.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..edge.card import ModelCard, card_of, split_model
from ..edge.errors import EdgeemoError
from ..edge.files import existing
from ..edge.graph import read_graph
from ..train.recipe import Recipe, load_recipe, recipe_names
from ..train.run import Run
from .timing import Timing

#: Columns of a system, by the card's method of quantisation.
METHODS = ("float32", "int8", "qat")


@dataclass(frozen=True)
class Figure:
    """An accuracy on a test split, as a card holds it.

    Args:
        accuracy: top-1.
        low, high: 95 % interval.
        n: pictures.
        data, split: of the data set.
        content_hash: of exactly the pictures that were used; empty where the card does not say.
    """

    accuracy: float
    low: float
    high: float
    n: int
    data: str
    split: str
    content_hash: str = ""

    @property
    def where(self) -> str:
        """Data, split and n."""
        return f"{self.data} {self.split}, n = {self.n:,}"

    @classmethod
    def of(cls, value: Any) -> Figure | None:
        """From a card's metrics; None where there is no such figure."""
        try:
            low, high = value["ci95"]
            return cls(
                float(value["accuracy"]),
                float(low),
                float(high),
                int(value["n"]),
                str(value["data"]),
                str(value["split"]),
                str(value.get("content_hash", "")),
            )
        except (TypeError, KeyError, ValueError, AttributeError):
            return None


@dataclass(frozen=True)
class Change:
    """The paired difference of a quantised model from the float one, in percentage points; a loss is negative.

    Args:
        points: the difference.
        low, high: 95 % interval.
        worst_loss: upper 95 % bound of the loss.
        agreement: fraction of the pictures with the same label from both.
        content_hash: of the pictures.
    """

    points: float
    low: float
    high: float
    worst_loss: float
    agreement: float
    content_hash: str = ""

    @classmethod
    def of(cls, value: Any, references: set[str]) -> Change | None:
        """From a card's metrics; None where there is none, or one from a model that is not among ``references``."""
        try:
            if value["reference"] not in references:
                return None
            low, high = value["ci95"]
            return cls(
                float(value["difference"]),
                float(low),
                float(high),
                float(value["worst_loss"]),
                float(value["agreement"]),
                str(value.get("content_hash", "")),
            )
        except (TypeError, KeyError, ValueError, AttributeError):
            return None


@dataclass(frozen=True)
class Model:
    """One .tflite of a system.

    Args:
        path: where it lies.
        data: its bytes.
        card: inside it.
    """

    path: Path
    data: bytes
    card: ModelCard

    @property
    def method(self) -> str:
        """Of quantisation."""
        return self.card.quantisation.method

    @property
    def test(self) -> Figure | None:
        """Its own accuracy."""
        return Figure.of(self.card.metrics.get("test"))

    @classmethod
    def read(cls, path: Path) -> Model | None:
        """A model with its card, or None for one without.

        Raises:
            EdgeemoError: it cannot be read, or its card is broken.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise EdgeemoError(f"{path} cannot be read ({error.strerror})", expected="a .tflite model") from error
        card = card_of(data, str(path))
        return cls(path, data, card) if card else None


@dataclass(frozen=True)
class System:
    """Everything that is known of one system.

    Args:
        name: of its recipe.
        published: the published figure, by the recipe.
        folder: of its run; None when only models are there.
        data: with which it was trained, for the commands that are named.
        parameters: of the network; None when unknown.
        models: method -> model.
        timing: latency of float32 and a quantised model in one benchmark run; None when unknown.
    """

    name: str
    published: str
    folder: Path | None
    data: str
    parameters: int | None
    models: dict[str, Model]
    timing: Timing | None = None

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of one inference."""
        model = next(iter(self.models.values()), None)
        return read_graph(model.data, str(model.path)).macs if model else None

    @property
    def reference(self) -> Figure | None:
        """Accuracy of the float model: as measured together with a quantised one, or else its own."""
        model = self.models.get("float32")
        together = [Figure.of(self.models[m].card.metrics.get("float32 test")) for m in METHODS if m in self.models]
        return next((figure for figure in together if figure), model.test if model else None)

    def change(self, method: str) -> Change | None:
        """What quantising changed."""
        model = self.models.get(method)
        names = {self.name, f"{self.name}-float32"}
        return Change.of(model.card.metrics.get("drift"), names) if model else None

    def accuracy(self, method: str) -> Figure | None:
        """Test accuracy of the model of a method."""
        if method == "float32":
            return self.reference
        model = self.models.get(method)
        return model.test if model else None

    @property
    def figures(self) -> list[Figure]:
        """All of its accuracies."""
        return [figure for method in METHODS if (figure := self.accuracy(method))]

    @property
    def doubts(self) -> list[str]:
        """Why figures in its row must not be held against each other; empty when they may."""
        if len({(f.data, f.split, f.n, f.content_hash) for f in self.figures}) > 1:
            measured = ", ".join(f"{m} on {f.where}" for m in METHODS if (f := self.accuracy(m)))
            return [f"{self.name}: its accuracies are of different pictures ({measured})"]
        return []

    @property
    def missing(self) -> list[tuple[str, str]]:
        """(what is missing, the command that makes it), in the order in which to run them."""
        run = str(self.folder) if self.folder else f"runs/{self.name}"
        if self.folder and not (self.folder / "card.json").is_file():
            return [("everything", f"edgeemo train --resume {run}")]
        found = []
        if self.parameters is None:
            found.append(("parameters", f"edgeemo inspect {self.name}"))
        for method in METHODS:
            path = self.models[method].path if method in self.models else Path(run) / f"{self.name}-{method}.tflite"
            if method not in self.models:
                found.append((method, f"edgeemo quantize {run} --method {method}"))
            measured = self.accuracy(method) and (method == "float32" or self.change(method))
            # The reference is measured along with each quantised model.
            if not measured and (method != "float32" or not {"int8", "qat"} & set(self.models)):
                command = f"edgeemo validate {run} {path} --data {self.data} --split test --record"
                found.append((f"{method} accuracy" + ("" if method == "float32" else " and drift"), command))
        if self.timing is None:
            files = " ".join(f"{run}/{self.name}-{method}.tflite" for method in ("float32", "int8"))
            found.append(("latency", f"edgeemo benchmark {files} --out report; then --records report/records.jsonl"))
        return found


def gather(sources: Sequence[str | Path]) -> list[System]:
    """The systems behind run folders, folders of models and .tflite files, in the order given.

    Models beside the runs (such as those that ship) join the run of their recipe where it lacks them, or has the same
    model without test figures; without a run they are a system of their own.

    Raises:
        EdgeemoError: a source is none of these, or holds two models of one method.
    """
    systems: list[System] = []
    loose: dict[str, list[Model]] = {}
    for source in sources:
        path = existing(source, "a run folder or a .tflite model")
        if (path / "recipe.toml").is_file():
            systems.append(_of_run(path))
            continue
        files = sorted(path.rglob("*.tflite")) if path.is_dir() else [path]
        models = [model for file in files if (model := Model.read(file))]
        if not models:
            raise EdgeemoError(f"{path} holds no model with a card", expected="a run folder or a .tflite model")
        for model in models:
            loose.setdefault(model.card.provenance.recipe, []).append(model)
    for name, models in loose.items():
        chosen = _by_method(name, models)
        hosts = [index for index, system in enumerate(systems) if system.name == name]
        if hosts:
            host = systems[hosts[0]]
            systems[hosts[0]] = replace(host, models={**chosen, **_kept(host.models, chosen)})
        else:
            recipe = load_recipe(name) if name in recipe_names() else None
            systems.append(System(name, recipe.published if recipe else "", None, "DATA", None, chosen))
    return systems


def _of_run(folder: Path) -> System:
    run = Run.open(folder)
    recipe: Recipe = run.recipe
    models = [model for path in sorted(folder.glob("*.tflite")) if (model := Model.read(path))]
    source = run.settings.data
    return System(
        recipe.name,
        recipe.published,
        folder,
        # Where the data lies on this machine is nobody else's business.
        Path(source).name if "/" in source else source,
        _parameters(folder / "metrics.json"),
        _by_method(recipe.name, models),
    )


def _parameters(path: Path) -> int | None:
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["parameters"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EdgeemoError(f"{path} is damaged ({error})", mend="train again") from error


def _by_method(name: str, models: Sequence[Model]) -> dict[str, Model]:
    """One model for each method: the one with the usual name where there are several."""
    result = {}
    for method in METHODS:
        found = [model for model in models if model.method == method]
        usual = [model for model in found if model.path.stem == f"{name}-{method}"]
        if len(found) > 1 and len(usual) != 1:
            raise EdgeemoError(
                f"there are several {method} models of {name} ({', '.join(str(model.path) for model in found)})",
                mend=f"name one of them {name}-{method}.tflite, or give files instead of their folder",
            )
        if found:
            result[method] = (usual or found)[0]
    return result


def _kept(own: dict[str, Model], other: dict[str, Model]) -> dict[str, Model]:
    """Those of a run's own models that are not replaced by the very same model with figures in its card."""

    def same(one: Model, two: Model) -> bool:
        return split_model(one.data)[0] == split_model(two.data)[0]

    return {
        method: model
        for method, model in own.items()
        if model.test or method not in other or not other[method].test or not same(model, other[method])
    }
