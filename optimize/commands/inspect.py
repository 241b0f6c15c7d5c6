"""``edgeemo inspect``: layers of a recipe's network, operators of a .tflite."""

from __future__ import annotations

import json
import os

import click

from ...edge.commands.options import json_option, runtime_option
from ...edge.common.errors import ModelError, OptionError, RecipeError, RuntimeUnavailableError
from ...edge.common.tables import aligned
from ...edge.inspection.report import Inspection
from ...edge.model.zoo import ModelZoo, find_model

_KERAS = (".keras", ".h5", ".hdf5")


@click.command("inspect")
@click.argument("target", metavar="RECIPE|MODEL|RUN")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the recipe; repeatable."
)
@click.option(
    "--num-classes", type=click.IntRange(2), help="Number of classes.  [default: FER-2013's 7, or 2 for a binary task]"
)
@runtime_option(
    show_default=False,
    help="Compare the XNNPACK prediction for the MODEL with this runtime.  [default: the installed one]",
)
@click.option(
    "--compile",
    "compiler",
    type=click.Choice(["edgetpu"]),
    help="Run edgetpu_compiler on the MODEL too and compare its log with the prediction.",
)
@json_option()
def command(
    target: str,
    overrides: tuple[str, ...],
    num_classes: int | None,
    runtime: str,
    compiler: str | None,
    as_json: bool,
) -> None:
    """Show the layers of a network or the operators of a model. Nothing is trained or downloaded.

    A RECIPE (the name of one of the package, or a .toml file) or a RUN folder, by its recipe: every layer with its
    output shape, parameters and multiply-accumulates (MACs).

    A MODEL (a .tflite, or the name of one that ships): its card, every operator with shapes, types, scales, weights and
    MACs, which of them XNNPACK runs, and which the Edge TPU compiler is predicted to map. docs/inspect.md explains it.

    A name that both have, as edgeemo-large, means the model; its recipe is edgeemo-large.toml.

    Example: edgeemo inspect kdef-binary, or edgeemo inspect edge-res-int8
    """
    if os.path.isfile(target) and target.endswith(_KERAS):
        raise ModelError(
            f"{target} is a Keras model",
            expected="a .tflite, a run folder or a recipe",
            hint="convert it with edgeemo quantize --method float32, or rank its operators with edgeemo sensitivity",
        )
    if _is_model(target):
        if overrides or num_classes:
            raise OptionError("--set and --num-classes are for a recipe")
        found = Inspection.of(find_model(target), runtime=runtime, compiler=compiler is not None)
        click.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False) if as_json else found.text())
        return
    if compiler or runtime != "auto":
        raise OptionError("--compile and --runtime are for a .tflite model")
    _show_recipe(target, overrides, num_classes, as_json=as_json)


def _is_model(target: str) -> bool:
    """Return whether the user means a .tflite, without loading what recipes need."""
    if target.endswith(".toml"):
        return False
    return target.endswith(".tflite") or os.path.isfile(target) or ModelZoo.open().find(target) is not None


def _show_recipe(recipe: str, overrides: tuple[str, ...], num_classes: int | None, *, as_json: bool) -> None:
    try:
        from ...train.config.recipe import load_recipe, recipe_names
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"{recipe!r} is no model, and recipes need packages that are not installed here",
            expected=f"a .tflite file or one of {', '.join(ModelZoo.open().names)}",
            hint="for recipes, install it with: pip install 'edgeemo[train]'",
        ) from error
    if recipe not in recipe_names() and os.path.isfile(own := os.path.join(recipe, "recipe.toml")):
        recipe = own
    if not recipe.endswith(".toml") and recipe not in recipe_names():
        raise RecipeError(
            f"unknown recipe or model {recipe!r}",
            expected=f"a recipe ({', '.join(recipe_names())}), a model ({', '.join(ModelZoo.open().names)}) or a path",
        )
    from ...train.datasets.labels import CANONICAL
    from ...train.network.cost import layer_costs
    from ...train.network.model import build_model

    loaded = load_recipe(recipe, overrides)
    if "weights" in loaded.architecture.options:
        # The size does not depend on where the weights come from.
        loaded = load_recipe(recipe, (*overrides, "architecture.weights=none"))
    layers = layer_costs(build_model(loaded, num_classes or (2 if loaded.task == "binary" else len(CANONICAL))))
    parameters, macs = sum(layer.parameters for layer in layers), sum(layer.macs for layer in layers)
    size = loaded.input
    if as_json:
        figures = {
            "recipe": loaded.name,
            "title": loaded.title,
            "architecture": loaded.architecture.name,
            "task": loaded.task,
            "input": list(size.shape),
            "layers": [layer.to_dict() for layer in layers],
            "parameters": parameters,
            "macs": macs,
            "published": loaded.published,
        }
        click.echo(json.dumps(figures, indent=2))
        return
    rows = [["layer", "type", "output", "parameters", "MACs"]]
    for layer in layers:
        shape = " x ".join(map(str, layer.output))
        rows.append([layer.name, layer.type, shape, f"{layer.parameters:,}", f"{layer.macs:,}"])
    rows.append([f"{len(layers)} layers", "", "", f"{parameters:,}", f"{macs:,}"])
    click.echo(f"{loaded.name}: {loaded.title}")
    click.echo(f"input {size.height} x {size.width} {size.channels}, {size.normalization}; {loaded.task}\n")
    click.echo(aligned(rows, left=(0, 1)))
    click.echo(f"\nours       {parameters:,} parameters, {macs / 1e6:,.1f} M MACs\npublished  {loaded.published}")
