"""Leeboard: a model server that replaces its models without losing a request."""

__version__ = "0.1.0"
