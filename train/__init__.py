"""Data sets, architectures, recipes, the training loop and evaluation.

Imports ``edge`` and nothing else of the project.
"""
