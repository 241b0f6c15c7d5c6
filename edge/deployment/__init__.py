"""Everything that another machine needs to run a model as a service, and the way there."""
