"""Latency, accuracy, device state, and the reports made from those records. Imports ``edge`` and ``train.datasets``."""
