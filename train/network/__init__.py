"""The Keras network of a recipe: losses, heads and cost."""
