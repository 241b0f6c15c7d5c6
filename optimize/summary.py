"""What is known of each system, gathered from run folders, the cards inside their models, and benchmark records.

Nothing is measured here and nothing is guessed: a figure stands in a card or a record, or it is missing and the command
that makes it is named.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..edge.card import ModelCard, card_of, split_model
from ..edge.errors import EdgeemoError
from ..edge.files import existing
from ..edge.graph import read_graph
from ..train.recipe import Recipe, load_recipe, recipe_names
from ..train.run import Run, Settings
from .figures import Change, Figure
from .timing import Timing

#: Columns of a system, by the card's method of quantisation: what every system is to have.
METHODS = ("float32", "int8", "qat")

#: All methods, in the order of a table with a row for each model.
ALL_METHODS = ("float32", "float16", "dynamic", "int8", "int8-float-io", "qat", "int16x8")


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
        data: options that choose the data with which it was trained, for the commands that are named.
        parameters: of the network; None when unknown.
        models: method -> model.
        timings: method -> latency beside the float model in one benchmark run, of those that are known.
    """

    name: str
    published: str
    folder: Path | None
    data: tuple[str, ...]
    parameters: int | None
    models: dict[str, Model]
    timings: dict[str, Timing] = field(default_factory=dict)

    @property
    def timing(self) -> Timing | None:
        """Of the int8 model, or else of the one that was trained for int8."""
        return self.timings.get("int8") or self.timings.get("qat")

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of one inference."""
        model = next(iter(self.models.values()), None)
        return read_graph(model.data, str(model.path)).macs if model else None

    @property
    def reference(self) -> Figure | None:
        """Accuracy of the float model: as measured together with a quantised one, or else its own."""
        model = self.models.get("float32")
        return next(iter(self._references(ALL_METHODS)), model.test if model else None)

    def _references(self, methods: Sequence[str]) -> list[Figure]:
        cards = [self.models[method].card for method in methods if method in self.models]
        return [figure for card in cards if (figure := Figure.of(card.metrics.get("float32 test")))]

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

    def figures(self, methods: Sequence[str] = METHODS) -> list[Figure]:
        """Its accuracies with these methods."""
        return [figure for method in methods if (figure := self.accuracy(method))]

    def doubts(self, methods: Sequence[str] = METHODS) -> list[str]:
        """Why figures of these methods must not be held against each other; empty when they may."""
        found = []
        if len({(f.data, f.split, f.n, f.content_hash) for f in self.figures(methods)}) > 1:
            measured = ", ".join(f"{m} on {f.where}" for m in methods if (f := self.accuracy(m)))
            found.append(f"{self.name}: its accuracies are of different pictures ({measured})")
        references = {f"{figure.accuracy:.2%}" for figure in self._references(methods)}
        if len(references) > 1:
            found.append(
                f"{self.name}: its models were compared with float models of {' and '.join(sorted(references))}"
            )
        return found

    @property
    def missing(self) -> list[tuple[str, str]]:
        """(what is missing, the command that makes it), in the order in which to run them."""
        run = str(self.folder) if self.folder else f"runs/{self.name}"
        if self.folder and not (self.folder / "card.json").is_file():
            return [("everything", _line("train", "--resume", run))]
        found = []
        if self.parameters is None:
            found.append(("parameters", _line("inspect", self.name)))
        for method in METHODS:
            path = str(self.models[method].path) if method in self.models else f"{run}/{self.name}-{method}.tflite"
            if method not in self.models:
                found.append((method, _line("quantize", run, "--method", method)))
            measured = self.accuracy(method) and (method == "float32" or self.change(method))
            # The reference is measured along with each quantised model.
            if not measured and (method != "float32" or not {"int8", "qat"} & set(self.models)):
                what = f"{method} accuracy" + ("" if method == "float32" else " and drift")
                found.append((what, _line("validate", run, path, *self.data, "--split", "test", "--record")))
        if self.timing is None:
            files = [f"{run}/{self.name}-{method}.tflite" for method in ("float32", "int8")]
            found.append(("latency (--records report/records.jsonl)", _line("benchmark", *files, "--out", "report")))
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
            published = recipe.published if recipe else ""
            systems.append(System(name, published, None, ("--data", "DATA"), None, chosen))
    return systems


def _of_run(folder: Path) -> System:
    run = Run.open(folder)
    recipe: Recipe = run.recipe
    models = [model for path in sorted(folder.glob("*.tflite")) if (model := Model.read(path))]
    return System(
        recipe.name,
        recipe.published,
        folder,
        _data_options(run.settings),
        _parameters(folder / "metrics.json"),
        _by_method(recipe.name, models),
    )


def _data_options(settings: Settings) -> tuple[str, ...]:
    # Where the data lies on this machine is nobody else's business.
    source = Path(settings.data).name if "/" in settings.data else settings.data
    choice = settings.choice
    return (
        *("--data", source),
        *(("--classes", choice.classes) if choice.classes else ()),
        *(("--angles", ",".join(choice.angles)) if choice.angles else ()),
        *(("--skip-bad",) if settings.skip_bad else ()),
    )


def _line(*words: str) -> str:
    return shlex.join(("edgeemo", *words))


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
    for method in ALL_METHODS:
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
