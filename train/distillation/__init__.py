"""Soft targets: asking teachers, and the file that keeps their answers."""
