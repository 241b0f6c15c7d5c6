"""Addresses that the live page listens on."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from ...common.errors import OutputError

_FORM = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^:\[\]/\s]+)):(?P<port>\d{1,5})")


@dataclass(frozen=True)
class ListenAddress:
    """Host and port.

    Args:
        host: name or number, without brackets.
        port: 0 for any that is free.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """Read HOST:PORT or [IPV6]:PORT.

        Raises:
            OutputError: it is something else.
        """
        found = _FORM.fullmatch(text)
        if found is None or int(found["port"]) > 65535:
            raise OutputError("not an address for --web", expected="HOST:PORT, such as 127.0.0.1:8080", got=repr(text))
        return cls(found["six"] or found["host"], int(found["port"]))

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def shown(self) -> str:
        """Return the address for people, with a host that a browser elsewhere can ask for."""
        return str(ListenAddress(socket.gethostname(), self.port)) if self.host in ("0.0.0.0", "::") else str(self)

    def listen(self) -> tuple[socket.socket, ListenAddress]:
        """Return a listening socket, and the address with its actual port.

        Raises:
            OutputError: the host is not this machine's, or the port is taken or not ours to take.
        """
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            server = socket.socket(family, kind, protocol)
        except OSError as error:
            raise OutputError(f"the web page cannot listen on {self} ({error.strerror})") from error
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(place)
            server.listen(64)
        except OSError as error:
            server.close()
            raise OutputError(
                f"the web page cannot listen on {self} ({error.strerror})", hint="choose another address for --web"
            ) from error
        return server, ListenAddress(self.host, server.getsockname()[1])
