"""Passes over a converted .tflite graph, and checks of the result."""
