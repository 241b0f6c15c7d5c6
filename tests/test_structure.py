"""Limits of the structure that tests/tools/structure.py measures: full folders, names with two meanings, docstrings."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def figures():  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location("structure", ROOT / "tests/tools/structure.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["structure"] = module
    spec.loader.exec_module(module)
    return module.measure(ROOT)


def test_a_folder_has_at_most_14_modules(figures) -> None:  # type: ignore[no-untyped-def]
    assert not [(folder, count) for folder, count in figures.folders.items() if count > 14]


def test_a_name_of_a_public_class_means_one_thing(figures) -> None:  # type: ignore[no-untyped-def]
    assert not figures.shared()


def test_a_docstring_of_a_public_function_begins_with_an_imperative(figures) -> None:  # type: ignore[no-untyped-def]
    assert not figures.moods
