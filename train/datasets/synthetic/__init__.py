"""Parametric synthetic faces and a drawn camera clip, for demos and tests only; nothing here is a photograph.

A model trained on these faces knows drawings, not people: it shows that the tools work, and is to be shipped with
that said on its card.
"""

from .clip import Truth, camera_clip
from .expression import EMOTIONS
from .faces import SIZES, make_faces

__all__ = ["EMOTIONS", "SIZES", "Truth", "camera_clip", "make_faces"]
