"""Recipes: their sections, values and overrides."""
