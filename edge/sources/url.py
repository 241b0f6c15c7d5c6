"""Addresses of network cameras, which often hold a password that must not be seen anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from ..common.errors import OptionError

SCHEMES = ("rtsp", "rtsps", "http", "https")


@dataclass(frozen=True)
class CameraUrl:
    """URL of a camera and its parts. Neither ``str`` nor ``repr`` of it show credentials.

    Args:
        url: as given.
        shown: without user, password, query and fragment: passwords are also passed as ``?pwd=``.
        bare: without user and password, for libraries that take them apart.
        user, password: decoded; empty when there are none.
    """

    url: str = field(repr=False)
    shown: str
    bare: str = field(repr=False)
    user: str = field(repr=False)
    password: str = field(repr=False)

    def __str__(self) -> str:
        return self.shown

    @classmethod
    def parse(cls, text: str) -> CameraUrl:
        """Parse a URL.

        Raises:
            OptionError: it is none, or of another kind. The message shows nothing of it but its scheme.
        """
        wanted = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        scheme = text.split("://", maxsplit=1)[0].lower()
        if scheme not in SCHEMES:
            raise OptionError("the source is an address of an unknown kind", expected=wanted, got=f"{scheme[:20]}://")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise OptionError(f"the {scheme}:// address of the source is malformed", hint="check it") from error
        if not host or any(character.isspace() or not character.isprintable() for character in text):
            raise OptionError(f"the {scheme}:// address of the source is malformed", expected=f"{scheme}://host/path")
        place = f"[{host}]" if ":" in host else host
        place += f":{port}" if port else ""
        return cls(
            url=text,
            shown=urlunsplit((scheme, place, parts.path, "", "")),
            bare=urlunsplit((scheme, place, parts.path, parts.query, "")),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )
