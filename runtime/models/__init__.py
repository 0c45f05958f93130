"""Versions of models: found on disk, loaded by workers, published to the data plane."""
