"""Files that are useful but do not ship: fetched once, verified, and kept in the user's cache folder."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import FileError, OptionError
from ..common.files import sha256_file, unwritable

#: Environment variable that names the cache folder; else the user's (XDG), in a folder of ours.
CACHE = "EDGEEMO_CACHE"
#: Seconds without a byte after which an address is given up: a slow line has sent something by then.
TIMEOUT_S = 20.0
_PIECE = 1 << 16


@dataclass(frozen=True)
class Download:
    """A file by its contents.

    Args:
        name: what the command line calls it.
        file: name in the cache folder.
        sha256: hex digest; bytes with another one are never used.
        size: bytes.
        addresses: where it is published, in the order in which they are tried.
        license: of the file.
    """

    name: str
    file: str
    sha256: str
    size: int
    addresses: tuple[str, ...]
    license: str

    @property
    def path(self) -> Path:
        """Place in the cache folder."""
        return cache_folder() / self.file


_YUNET = "face_detection_yunet_2023mar.onnx"

#: What ``edgeemo models fetch`` knows.
DOWNLOADS: Mapping[str, Download] = {
    "yunet": Download(
        name="yunet",
        file=_YUNET,
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        size=232_589,
        addresses=(
            f"https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/{_YUNET}",
            f"https://huggingface.co/opencv/face_detection_yunet/resolve/main/{_YUNET}",
        ),
        license="MIT",
    ),
}


def cache_folder() -> Path:
    """Return the folder of fetched files: ``EDGEEMO_CACHE``, else ``edgeemo`` in the user's cache (XDG)."""
    if named := os.environ.get(CACHE):
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "edgeemo"


def find_download(name: str) -> Download:
    """Return a download by its name.

    Raises:
        OptionError: there is none of this name.
    """
    if name not in DOWNLOADS:
        raise OptionError("nothing to fetch by this name", expected="one of " + ", ".join(DOWNLOADS), got=repr(name))
    return DOWNLOADS[name]


def cached(name: str) -> Path | None:
    """Return a fetched file, or None when it is not in the cache or has other contents than it should."""
    download = find_download(name)
    return download.path if _is_right(download.path, download) else None


def fetch(
    download: Download,
    *,
    addresses: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Fetch a file into the cache folder, unless it is there.

    A transfer that was cut continues there, also in a later call. The file appears under its name only when its
    size and its SHA-256 are right.

    Args:
        download: what to fetch.
        addresses: http, https or file addresses to take it from; those of ``download`` by default.
        progress: called with the bytes that are there and those that there will be.

    Returns:
        Path of the verified file.

    Raises:
        FileError: no address gave the file, or the cache folder cannot be written; the message names the file, its
            hash and the folder to put it into by hand.
    """
    if _is_right(download.path, download):
        return download.path
    reasons = []
    with _part(download) as part:
        for address in addresses or download.addresses:
            try:
                _transfer(address, part, download, progress)
            except (OSError, ValueError, http.client.HTTPException) as error:
                reasons.append(f"{_server(address)}: {_reason(error)}")
                continue
            if _is_right(part, download):
                try:
                    os.replace(part, download.path)
                except OSError as error:
                    raise unwritable(download.path, error) from error
                return download.path
            # Nothing of it can be kept: whatever came before may be what is wrong.
            part.unlink(missing_ok=True)
            reasons.append(f"{_server(address)}: another file")
    raise FileError(
        f"{download.file} cannot be fetched ({'; '.join(reasons)})",
        hint=f"fetch it elsewhere and put it into {download.path.parent}, its sha256 is {download.sha256}",
    )


def _is_right(path: Path, download: Download) -> bool:
    try:
        return path.is_file() and path.stat().st_size == download.size and sha256_file(path) == download.sha256
    except OSError:
        return False


@contextmanager
def _part(download: Download) -> Iterator[Path]:
    """Yield the file of an unfinished transfer, locked: two processes do not write into one another's."""
    part = download.path.with_name(f"{download.file}.part")
    lock = download.path.with_name(f"{download.file}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        stream = lock.open("w")
    except OSError as error:
        raise unwritable(download.path, error) from error
    with stream:
        try:
            import fcntl
        except ImportError:
            # Windows: two transfers at once would end with a wrong hash, and a sentence.
            yield part
            return
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FileError(
                f"{download.file} is being fetched by another process", hint="wait until it has finished"
            ) from error
        yield part


def _transfer(address: str, part: Path, download: Download, progress: Callable[[int, int], None]) -> None:
    """Append to ``part`` what is still missing, or begin again where the server does not continue."""
    have = part.stat().st_size if part.is_file() else 0
    if have >= download.size:
        part.unlink()
        have = 0
    request = urllib.request.Request(address, headers={"User-Agent": "edgeemo"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        if getattr(answer, "status", None) != http.HTTPStatus.PARTIAL_CONTENT:
            have = 0
        with part.open("ab" if have else "wb") as stream:
            # A server that sends without an end does not fill the disk.
            while have <= download.size and (piece := answer.read(_PIECE)):
                stream.write(piece)
                have += len(piece)
                progress(min(have, download.size), download.size)
    if have < download.size:
        raise ConnectionError(f"ended after {have:,} of {download.size:,} bytes")


def _server(address: str) -> str:
    return address.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1] or address


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason)
    return str(error) or type(error).__name__
