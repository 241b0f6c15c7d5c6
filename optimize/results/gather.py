"""Systems gathered from run folders, folders of models, .tflite files, and earlier results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...edge.common.errors import DataError
from ...edge.common.files import existing
from ...train.config.recipe import Recipe, load_recipe, recipe_names
from ...train.fit.run import Run, Settings
from ..methods import METHODS
from .model import Model
from .stored import read_systems
from .system import System


def gather(sources: Sequence[str | Path]) -> list[System]:
    """Gather the systems behind run folders, folders of models, .tflite files and .json files, in the order given.

    Models beside the runs (such as those that ship) join the run of their recipe where it lacks them, or has the same
    model without test figures; without a run they are a system of their own. A .json that
    ``edgeemo results --json`` wrote tells what was known earlier: a run takes the place of its recipe there,
    a model that of its method.

    Raises:
        DataError: a source is none of these, or holds two models of one method.
    """
    systems: list[System] = []
    earlier: list[System] = []
    loose: dict[str, list[Model]] = {}
    for source in sources:
        path = existing(source, "a run folder or a .tflite model")
        if (path / "recipe.toml").is_file():
            systems.append(_of_run(path))
            continue
        if path.suffix == ".json":
            earlier = _in_place(earlier, read_systems(path))
            continue
        files = sorted(path.rglob("*.tflite")) if path.is_dir() else [path]
        models = [model for file in files if (model := Model.read(file))]
        if not models:
            raise DataError(f"{path} holds no model with a card", expected="a run folder or a .tflite model")
        for model in models:
            loose.setdefault(model.recipe, []).append(model)
    for name, models in loose.items():
        chosen = _by_method(name, models)
        hosts = [index for index, system in enumerate(systems) if system.name == name]
        if hosts:
            host = systems[hosts[0]]
            systems[hosts[0]] = replace(host, models={**chosen, **_kept(host.models, chosen)})
        elif known := [index for index, system in enumerate(earlier) if system.name == name]:
            system = earlier[known[0]]
            newer = {method: model for method, model in chosen.items() if model.test or method not in system.models}
            earlier[known[0]] = replace(system, models={**system.models, **newer})
        else:
            recipe = load_recipe(name) if name in recipe_names() else None
            published = recipe.published if recipe else ""
            systems.append(System(name, published, None, ("--data", "DATA"), None, chosen))
    return _in_place(earlier, systems)


def _in_place(earlier: Sequence[System], now: Sequence[System]) -> list[System]:
    """Return the earlier systems in their order, replaced by those of today with the same name; then the new ones."""
    names = dict.fromkeys(system.name for system in (*earlier, *now))
    known = {system.name for system in now}
    return [system for name in names for system in (now if name in known else earlier) if system.name == name]


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


def _parameters(path: Path) -> int | None:
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["parameters"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error})", hint="train again") from error


def _by_method(name: str, models: Sequence[Model]) -> dict[str, Model]:
    """Return one model for each method: the one with the usual name where there are several."""
    result = {}
    for method in METHODS.names():
        found = [model for model in models if model.method == method]
        usual = [model for model in found if model.path.stem == f"{name}-{method}"]
        if len(found) > 1 and len(usual) != 1:
            raise DataError(
                f"there are several {method} models of {name} ({', '.join(str(model.path) for model in found)})",
                hint=f"name one of them {name}-{method}.tflite, or give files instead of their folder",
            )
        if found:
            result[method] = (usual or found)[0]
    return result


def _kept(own: dict[str, Model], other: dict[str, Model]) -> dict[str, Model]:
    """Return those of a run's own models that are not replaced by the same model with figures in its card."""
    return {
        method: model
        for method, model in own.items()
        if model.test or method not in other or not other[method].test or model.graph != other[method].graph
    }
