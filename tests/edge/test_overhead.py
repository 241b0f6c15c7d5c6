"""What a frame costs beside finding the faces and running the model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# A processor that is shared with others makes everything dearer, but not by the same factor.
pytestmark = [pytest.mark.slow, pytest.mark.flaky(reruns=2)]


BOUND = 0.1


def test_at_most_a_tenth_of_a_frame_is_neither_detect_nor_invoke() -> None:
    pytest.importorskip("starlette")
    # JPEGs as large as webcams send them.
    command = [sys.executable, Path(__file__).with_name("overhead.py"), "--frames", "60", "--quality", "80"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=300).stdout)
    assert found["frames"] == 60
    assert found["thread_ms"]["invoke"] > 0
    assert found["thread_ms"]["detect"] < found["thread_ms"]["frame"]
    share = found["overhead_thread"]
    # On Xeons with AMX the cascade is quicker, and what follows it finds cold caches: docs/camera.md has the figures.
    assert 0 < share <= 0.15
    if share > BOUND:
        pytest.xfail(f"{share:.1%} of a frame is neither detect nor invoke on this processor, more than a tenth")
