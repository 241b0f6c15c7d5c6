"""Addresses of cameras, which hide what is secret."""

from __future__ import annotations

import pytest

from edgeemo.edge.sources.url import CameraUrl


@pytest.mark.parametrize(
    ("text", "shown", "user", "password"),
    [
        ("rtsp://me:word@host:554/a/b?x=1", "rtsp://host:554/a/b", "me", "word"),
        ("http://host/a?user=me&pwd=word#x", "http://host/a", "", ""),
        ("https://me:a%3Ab%40c@[::1]:8/x", "https://[::1]:8/x", "me", "a:b@c"),
        ("RTSP://host/x", "rtsp://host/x", "", ""),
    ],
)
def test_address_hides_what_is_secret(text: str, shown: str, user: str, password: str) -> None:
    address = CameraUrl.parse(text)
    assert (address.shown, address.user, address.password) == (shown, user, password)
    assert "word" not in f"{address} {address!r}"
