"""edgeemo: facial-emotion classifiers, from a folder of faces to an int8 TFLite model proven to have kept its accuracy.

Importing the package loads nothing heavy: neither TensorFlow, nor OpenCV, nor a TFLite runtime.
"""

__version__ = "0.1.0"
