"""Converters from a float network to a .tflite, and what calibrates them."""
