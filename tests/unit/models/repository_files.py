"""Makes repositories of empty files for tests."""

from __future__ import annotations

from pathlib import Path


def put(root: Path, *names: str) -> None:
    """Make files, and a folder for each name that ends with a slash."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.touch()


def write(root: Path, name: str, text: str) -> None:
    """Make one file that says `text`."""
    put(root, name)
    (root / name).write_text(text)
