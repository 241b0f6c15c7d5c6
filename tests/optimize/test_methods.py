"""The table of quantization methods, and what a method says of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgeemo.edge.common.errors import OptionError
from edgeemo.edge.model.card import Quantization
from edgeemo.optimize.methods import METHODS, columns, engine
from edgeemo.optimize.options import QuantizeOptions

PAGE = Path(__file__).parents[2] / "docs" / "post-training.md"


@pytest.mark.parametrize("name", METHODS.builtin)
def test_a_method_has_the_name_by_which_it_is_listed(name: str) -> None:
    assert METHODS.load(name).name == name


def test_titles_are_distinct() -> None:
    assert len({METHODS.load(name).title for name in METHODS.builtin}) == len(METHODS.builtin)


def test_the_page_lists_every_method() -> None:
    assert set(re.findall(r"^\| `([\w-]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)) >= set(METHODS.builtin)


def test_the_reference_is_the_first_column() -> None:
    assert columns()[0] == Quantization.method


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(OptionError) as caught:
        METHODS.load("int8-floatio")
    assert caught.value.hint == "did you mean int8-float-io?"


@pytest.mark.parametrize(
    ("method", "options", "problem", "expected"),
    [
        (
            "int16x8",
            QuantizeOptions(calibration_method="mse"),
            "int16x8 has no activation ranges to estimate by mse",
            "--calibration-method mse with int8, int8-float-io",
        ),
        (
            "dynamic",
            QuantizeOptions(rounding="gptq"),
            "dynamic does not look at faces, by which weights could be rounded",
            "--rounding gptq with int8, int8-float-io, int16x8",
        ),
    ],
)
def test_options_that_a_method_ignores_are_refused(
    method: str, options: QuantizeOptions, problem: str, expected: str
) -> None:
    with pytest.raises(OptionError) as caught:
        METHODS.load(method).check(options)
    assert (caught.value.problem, caught.value.expected) == (problem, expected)


@pytest.mark.parametrize("field", ["calibration_method", "rounding"])
def test_unknown_choices_are_refused(field: str) -> None:
    with pytest.raises(OptionError) as caught:
        QuantizeOptions(**{field: "best"})
    assert caught.value.got == "'best'"


def test_an_engine_is_named_with_its_version() -> None:
    assert re.fullmatch(r"tensorflow \d+\.\d+\.\d+\S*", engine("tensorflow"))
    assert engine("no-such-package") == "no-such-package"
