"""Files that are written completely or not at all, and checks of input and output paths."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import FileError


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal; the file is read in pieces."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside ``target``; on success it is renamed to ``target``, on failure it is removed.

    Args:
        target: the file that is to appear. Its folder is made if need be. The temporary name keeps the suffix, because
            several writers choose their format by it.

    Raises:
        EdgeemoError: the folder cannot be written.
    """
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes private files; what we hand out should have the permissions of any other new file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(target: str | Path, data: bytes) -> None:
    """Write ``data`` to ``target`` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def write_text(target: str | Path, text: str) -> None:
    """Write ``text`` to ``target`` atomically, as UTF-8."""
    write_bytes(target, text.encode("utf-8"))


def write_json(target: str | Path, value: Any) -> None:
    """Write ``value`` to ``target`` atomically as indented JSON."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def existing(path: str | Path, what: str) -> Path:
    """Return a path that exists.

    Args:
        path: path that a user named.
        what: noun for the message ("a data set", "a model").

    Raises:
        FileError: nothing is there.
    """
    path = Path(path)
    try:
        there = path.exists()
    except OSError as error:
        # A name that is too long, or a folder on the way that may not be entered.
        raise FileError(f"{path} cannot be looked at ({error.strerror})", hint="check the path") from error
    if not there:
        raise FileError(f"{path} is not there", expected=what, hint="check the path")
    return path


def new_file(path: str | Path, *, force: bool = False) -> Path:
    """Return the path of a new file, checked to be free and writable.

    Raises:
        FileError: a file stands there already and ``force`` is false, or the place cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise FileError(f"{path} is a folder", expected="a file name for the output", hint="name a file in it")
    if path.exists() and not force:
        raise FileError(f"{path} exists already", hint="choose another name, or overwrite it with --force")
    _check_writable(path)
    return path


def new_folder(path: str | Path, *, force: bool | None = False) -> Path:
    """Create a folder for new results and return its path.

    An empty folder is accepted. With ``force`` the results are put beside what is there; files of the same name are
    replaced one by one, nothing else is touched. None is for commands that offer no ``--force``.

    Raises:
        FileError: the folder has contents and ``force`` is false, or it cannot be made.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise FileError(f"{path} is a file", expected="a folder for the output", hint="choose another name")
    if path.is_dir() and any(path.iterdir()) and not force:
        hint = "choose another folder" if force is None else "choose another folder, or write into it with --force"
        raise FileError(f"{path} exists and is not empty", hint=hint)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    _check_writable(path / "any")
    return path


def unwritable(path: Path, error: OSError) -> FileError:
    """Return the error for a path that cannot be written."""
    reason = error.strerror or str(error)
    return FileError(f"{path} cannot be written ({reason})", hint="choose a place that you may write to")


def _check_writable(target: Path) -> None:
    folder = target.parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        raise FileError(f"{folder} is read-only", hint="choose a place that you may write to")
