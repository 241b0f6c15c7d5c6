"""Quantization-aware training, and the rewriting that prepares a network for it."""
