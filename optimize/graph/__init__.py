"""Passes over a converted .tflite graph, and the check of what a method promises."""
