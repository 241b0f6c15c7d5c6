"""The live page: server, state, authentication, health and metrics."""
