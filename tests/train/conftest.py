"""Synthetic faces under the names of KDEF and FER-2013, which must not be passed on themselves."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeemo.train.datasets.ferplus import VOTED
from edgeemo.train.datasets.formats.kdef import ANGLES, EMOTION_CODES
from edgeemo.train.datasets.labels import canonical_name
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.datasets.synthetic.conditions import Pose, Sensor, sample_backdrop, sample_light, sample_occlusion
from edgeemo.train.datasets.synthetic.expression import sample_units
from edgeemo.train.datasets.synthetic.faces import FaceParameters, draw_face
from edgeemo.train.datasets.synthetic.identity import sample_identity

#: Whom the fixture shows.
PEOPLE = ("F01", "F02", "F07", "F35", "M01", "M02", "M19", "M31", "M32", "M35")
# A drawing has no profile: half of the real angles' way, in radians to the left and right.
_YAW = dict(zip(ANGLES, (-0.5, -0.25, 0.0, 0.25, 0.5), strict=True))
# KDEF's images are 562 wide and 762 high.
_SIDE, _HEIGHT = 48, 65


def _face(person: int, session: str, emotion: str, angle: str) -> np.ndarray:
    """RGB uint8 (65, 48, 3): one person's face, the same person in every image."""
    rng = np.random.default_rng([person, ord(session), *emotion.encode(), *angle.encode()])
    face = FaceParameters(
        0,
        sample_identity(np.random.default_rng(person)),
        sample_units(emotion, rng),
        Pose(yaw=_YAW[angle]),
        sample_light(rng),
        Sensor(),
        sample_occlusion(np.random.default_rng(0)),
        sample_backdrop(rng),
    )
    square = draw_face(face, size=_SIDE, rng=rng)
    return np.pad(square, ((_HEIGHT - _SIDE, 0), (0, 0), (0, 0)), mode="edge")


@pytest.fixture(scope="session")
def kdef_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten people in both sessions, seven emotions and five angles: 700 images as ``KDEF/AF01/AF01HAS.JPG``."""
    root = tmp_path_factory.mktemp("kdef") / "KDEF"
    for number, person in enumerate(PEOPLE):
        for session in "AB":
            folder = root / f"{session}{person}"
            folder.mkdir(parents=True)
            for code, emotion in EMOTION_CODES.items():
                for angle in ANGLES:
                    pixels = _face(number, session, emotion, angle)
                    Image.fromarray(pixels).save(folder / f"{session}{person}{code}{angle}.JPG", quality=95)
    return root


@pytest.fixture(scope="session")
def kdef_zip(kdef_folder: Path) -> Path:
    """The same in a zip."""
    path = kdef_folder.parent / "KDEF.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(kdef_folder.rglob("*.JPG")):
            archive.write(file, f"KDEF_and_AKDEF/{file.relative_to(kdef_folder.parent)}")
    return path


@pytest.fixture(scope="session")
def fer_with_votes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """140 synthetic faces of 24x24 pixels in the names of FER-2013's Training, and a table of votes on them.

    Seven of ten vote for the label and three for fear. Every tenth image is called "unknown" by all.
    """
    faces = read_dataset("synthetic:train=140,test=0,size=24")
    root = tmp_path_factory.mktemp("fer")
    lines = ["Usage,Image name," + ",".join(VOTED)]
    for row, (sample, pixels) in enumerate(zip(faces.samples, faces.images, strict=True)):
        place = root / "fer" / "train" / faces.labels[sample.label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"Training_{row:08d}.png")
        votes = dict.fromkeys(VOTED, 0)
        if row % 10 == 9:
            votes["unknown"] = 10
        else:
            votes[next(name for name in VOTED if canonical_name(name) == faces.labels[sample.label])] += 7
            votes["fear"] += 3
        lines.append(",".join(["Training", f"fer{row:07d}.png", *map(str, votes.values())]))
    (root / "fer2013new.csv").write_text("\n".join(lines) + "\n")
    return root / "fer", root / "fer2013new.csv"


@pytest.fixture(scope="session")
def event_points() -> Callable[[Path], dict[str, list[tuple[int, float]]]]:
    """Reads a folder of event files: curve -> (step, value) in the order in which they were written."""

    def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
        from edgeemo.train.backend import tf

        found: dict[str, list[tuple[int, float]]] = {}
        for path in sorted(folder.rglob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime_ns):
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                for value in event.summary.value:
                    assert value.metadata.plugin_data.plugin_name == "scalars"
                    curve = f"{path.parent.name}/{value.tag}"
                    found.setdefault(curve, []).append((event.step, float(tf.make_ndarray(value.tensor))))
        return found

    return points
