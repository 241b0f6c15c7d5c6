"""Options that plug-ins declare, and packages that they miss."""

from __future__ import annotations

from typing import Any

import click
import pytest

from edgeemo.edge.common.errors import EdgeemoError, MissingExtraError
from edgeemo.edge.common.plugin import collect_options, explain_missing, is_given, own_values


def test_option_that_is_taken_names_the_plugin() -> None:
    options = [click.Option(["--out"])]
    with pytest.raises(EdgeemoError) as caught:
        collect_options("sink", options, {"toy": [click.Option(["--toy"]), click.Option(["-o", "--out"])]})
    assert caught.value.problem == "the sink 'toy' declares the option -o, which is taken"


@pytest.mark.parametrize(
    ("option", "value", "given"),
    [
        (click.Option(["--toy"]), None, False),
        (click.Option(["--toy"]), "", True),
        (click.Option(["--toy"], is_flag=True), False, False),
        (click.Option(["--toy"], is_flag=True), True, True),
        (click.Option(["--toy"], default=10.0), 10.0, False),
        (click.Option(["--toy"], default=10.0), 5.0, True),
        (click.Option(["--toy"], multiple=True), (), False),
    ],
)
def test_an_option_is_given_by_another_value_than_its_default(option: click.Option, value: Any, given: bool) -> None:
    assert is_given(option, {"toy": value}) is given
    assert not is_given(option, {})


def test_a_plugin_gets_the_values_of_its_own_options() -> None:
    assert own_values([click.Option(["--toy-name"]), click.Option(["--toy"])], {"toy_name": "a", "out": "b"}) == {
        "toy_name": "a"
    }


@pytest.mark.parametrize(
    ("extra", "kind", "hint"),
    [
        ("web", MissingExtraError, "install it with: pip install 'edgeemo[web]'"),
        (None, EdgeemoError, "pip install no_such_package"),
    ],
)
def test_a_missing_package_is_explained(extra: str | None, kind: type[EdgeemoError], hint: str) -> None:
    with pytest.raises(EdgeemoError) as caught, explain_missing("the sink 'toy'", extra):
        import no_such_package.module  # noqa: F401
    assert type(caught.value) is kind
    assert "'no_such_package'" in caught.value.problem
    assert caught.value.hint == hint
