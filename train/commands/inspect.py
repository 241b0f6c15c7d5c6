"""``edgeemo inspect``."""

from __future__ import annotations

import json

import click

from ...edge.table import aligned


@click.command("inspect")
@click.argument("recipe")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the recipe; repeatable."
)
@click.option(
    "--classes", type=click.IntRange(2), help="Number of classes.  [default: FER-2013's 7, or 2 for a binary task]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(recipe: str, overrides: tuple[str, ...], classes: int | None, as_json: bool) -> None:
    """Show the network of a recipe: every layer with its output shape, parameters and multiply-accumulates (MACs).

    RECIPE is the name of a recipe of the package or the path of a .toml file. Nothing is read, trained or downloaded.

    Example: edgeemo inspect kdef-binary
    """
    from ..datasets.labels import CANONICAL
    from ..loop import build_model
    from ..macs import layer_costs
    from ..recipe import load_recipe

    loaded = load_recipe(recipe, overrides)
    if "weights" in loaded.architecture.options:
        # The size does not depend on where the weights come from.
        loaded = load_recipe(recipe, (*overrides, "architecture.weights=none"))
    layers = layer_costs(build_model(loaded, classes or (2 if loaded.task == "binary" else len(CANONICAL))))
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
    click.echo(f"input {size.height} x {size.width} {size.channels}, {size.normalisation}; {loaded.task}\n")
    click.echo(aligned(rows, left=(0, 1)))
    click.echo(f"\nours       {parameters:,} parameters, {macs / 1e6:,.1f} M MACs\npublished  {loaded.published}")
