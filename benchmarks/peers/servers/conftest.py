"""Keeps pytest from importing programs whose packages are in other environments."""

from __future__ import annotations

collect_ignore_glob = ["*_onnx.py"]
