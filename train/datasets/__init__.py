"""Data sets without TensorFlow: readers, splits, audit, and the faces that we draw ourselves."""
