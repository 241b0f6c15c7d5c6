"""Shipped .tflite files with their cards (package data)."""
