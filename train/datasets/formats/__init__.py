"""Readers of data-set formats, one file each."""
