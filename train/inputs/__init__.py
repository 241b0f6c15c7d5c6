"""Batches, augmentation and caching of training images."""
