"""Rank layers by quantization damage, and keep the worst in float."""
