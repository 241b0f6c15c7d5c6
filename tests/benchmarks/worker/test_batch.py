from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeemo.benchmarks.worker.batch import Batch, OneByOne
from edgeemo.edge.inference.interpreter import Session, installed_runtimes, load

RUNTIMES = [name for name in installed_runtimes() if name != "tf.lite"]


def inputs(session: Session, count: int = 5) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    if session.input.dtype == np.int8:
        return [draw.integers(-128, 128, session.input.shape, np.int8) for _ in range(count)]
    return [draw.random(session.input.shape, np.float32) for _ in range(count)]


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("model", ["tiny_int8.tflite", "tiny_float.tflite"])
def test_batch_answers_like_its_images_alone(runtime: str, model: str, tiny_int8: Path) -> None:
    session = load(tiny_int8.with_name(model), runtime=runtime)
    # That it does is checked when it is made; here that the check has something to check.
    batch = Batch(session, inputs(session), size=8, threads=1)
    assert batch._answer().shape == (8, 7)
    assert batch.run(2) > 0
    with pytest.raises(ValueError, match="other answers than its images alone"):
        Batch(Answers(session), inputs(session), size=8, threads=1)


class Answers:
    """A session whose model answers otherwise than the file."""

    def __init__(self, session: Session) -> None:
        self.runtime, self.path = session.runtime, session.path
        self._shape, self._dtype = session.output.shape, session.output.dtype

    def invoke(self, tensor: np.ndarray) -> np.ndarray:
        return np.full(self._shape, 100, self._dtype)


def test_a_compiled_model_takes_no_batch(tiny_int8: Path) -> None:
    session = load(tiny_int8)
    session.path = str(tiny_int8.with_name("tiny_int8_edgetpu.tflite"))
    with pytest.raises(ValueError, match=r"custom op|delegate|resize|unresolved"):
        Batch(session, inputs(session), size=8, threads=1)


def test_one_by_one_goes_through_all_images(tiny_int8: Path) -> None:
    session = load(tiny_int8)
    assert OneByOne(session, inputs(session)).run(7) > 0
