"""Quantization-aware training, post-training quantisation and the proof that accuracy was kept."""
