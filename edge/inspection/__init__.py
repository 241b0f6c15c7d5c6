"""Inspection of a .tflite: operators, cost, and support by accelerators."""
