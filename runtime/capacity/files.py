"""Files of results and settings."""

from __future__ import annotations

import json
from pathlib import Path

from runtime.atomic import write_bytes


def write_json(path: Path, content: object) -> None:
    """Write a file, and its folder, that a crash cannot leave half written."""
    text = json.dumps(content, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, f"{text}\n".encode())
