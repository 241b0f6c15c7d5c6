"""Files are written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.common.files import atomic_path, existing, new_file, new_folder, write_bytes, write_json, write_text

from ...conftest import raises


def test_written_file_is_all_there_is(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "ä\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "ä\n".encode()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_failure_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise KeyError

    with pytest.raises(KeyError), atomic_path(target) as temporary:
        fail(temporary)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_json_is_readable(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": [1]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1]}


def test_unwritable_place_is_one_sentence() -> None:
    with raises(EdgeemoError, problem=r"/proc/edgeemo/x cannot be written \("):
        write_bytes("/proc/edgeemo/x", b"")


@pytest.mark.parametrize(
    ("check", "name", "sentence"),
    [
        (new_file, "full/file", "exists already; choose another name, or overwrite it with --force"),
        (new_file, "full", "is a folder, expected a file name"),
        (new_folder, "full", "exists and is not empty; choose another folder"),
        (new_folder, "full/file", "is a file, expected a folder"),
    ],
)
def test_what_is_there_is_kept(tmp_path: Path, check: Callable[..., Path], name: str, sentence: str) -> None:
    write_text(tmp_path / "full" / "file", "old")
    with pytest.raises(EdgeemoError, match=sentence):
        check(tmp_path / name)
    assert (tmp_path / "full" / "file").read_text() == "old"


@pytest.mark.parametrize(("check", "name"), [(new_file, "full/file"), (new_folder, "full"), (new_folder, "fresh/deep")])
def test_force_and_fresh_places_are_accepted(tmp_path: Path, check: Callable[..., Path], name: str) -> None:
    write_text(tmp_path / "full" / "file", "old")
    assert check(tmp_path / name, force=True) == tmp_path / name
    assert (tmp_path / "full" / "file").read_text() == "old"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("absent", "absent is not there, expected a model; check the path"), ("a" * 5000, "cannot be looked at")],
)
def test_existing_names_what_is_missing(path: str, sentence: str) -> None:
    with pytest.raises(EdgeemoError, match=sentence):
        existing(path, "a model")
