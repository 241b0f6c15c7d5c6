"""Face detectors, the tracker, and the analysis of the faces of an image."""
