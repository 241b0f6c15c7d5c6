"""pytest plugin of the emulated test run: leaves out what emulation cannot show, each with its reason.

Loaded with ``-p tests.arm.emulation``; natively it is not there, and the marker ``native`` does nothing.
"""

from __future__ import annotations

import errno
from collections.abc import Generator

import pytest

#: Marker -> why tests that carry it are left out; ``native`` brings its own reason.
MARKERS = {"flaky": "holds real time against a deadline, and emulation is 20 times slower"}
#: Fixture -> why tests that ask for it are left out.
BUILT_HERE = "a library built by this machine's compiler cannot be loaded into an emulated process"
FIXTURES = {"camera_library": BUILT_HERE, "library": BUILT_HERE}
FOREIGN = "starts sys.executable, which is a program of another architecture here"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip by marker and by fixture."""
    for item in items:
        native = item.get_closest_marker("native")
        reasons = [native.args[0]] if native else []
        reasons += [reason for name, reason in MARKERS.items() if item.get_closest_marker(name)]
        reasons += [reason for name, reason in FIXTURES.items() if name in getattr(item, "fixturenames", ())]
        if reasons:
            item.add_marker(pytest.mark.skip(reason=reasons[0]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Skip where a fixture starts a program of the emulated architecture."""
    return (yield from _refused())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip where a test does so."""
    return (yield from _refused())


def _refused() -> Generator[None, None, None]:
    try:
        return (yield)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            pytest.skip(FOREIGN)
        raise
