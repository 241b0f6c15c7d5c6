"""Quantization-aware training, post-training quantization and the proof that accuracy was kept."""
