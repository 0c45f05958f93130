"""Every error that Leeboard raises: one class for one thing a caller can do about it."""

from __future__ import annotations


class LeeboardError(Exception):
    """Base of all errors of this package; catch it to catch them all."""


class ConfigError(LeeboardError):
    """An option or a path is wrong: correct it and start again."""


class ModelError(LeeboardError):
    """A model file is broken, does not keep its own signature, or failed while running."""


class InputError(ModelError):
    """A request has values that the model's format cannot hold: the client's to mend."""


class WorkerError(LeeboardError):
    """A worker process could not be started, or ended before it was ready."""


class ServerError(LeeboardError):
    """The server cannot do this in its present state (address in use, already stopped)."""


class ProtocolError(LeeboardError):
    """Bytes that are not the message they should be."""


class MeasurementError(LeeboardError):
    """A figure could not be measured, or what was measured means nothing: try again."""


class ProfileError(LeeboardError):
    """Data cannot be profiled (wrong columns, no values), or a profile is damaged."""
