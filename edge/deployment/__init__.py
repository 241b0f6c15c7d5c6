"""Installation of a model as a service on another machine."""
