"""Reports that lie in files: a folder of them, a list of them in one file, or just one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from runtime.capacity.comparison import Run
from runtime.errors import ConfigError


def is_set(text: str) -> bool:
    """Tell whether an argument means files rather than a command: a folder or a .json.

    A name that ends in .json means a file even if there is none, so a wrong name is not
    taken for a program.
    """
    return Path(text).is_dir() or (text.endswith(".json") and " " not in text.strip())


def read_json(path: Path) -> object:
    """Return what a file says; ConfigError when it cannot be read."""
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error
    return content


def as_runs(content: object, path: Path) -> list[Run]:
    """Return a file's reports, each by the file's name and its place in a list."""
    if isinstance(content, Mapping):
        return [Run(str(path), content)]
    if isinstance(content, list) and all(isinstance(one, Mapping) for one in content):
        return [Run(f"{path}[{place}]", one) for place, one in enumerate(content)]
    raise ConfigError(f"{path} holds neither a report nor a list of reports")


def read_set(path: Path) -> list[Run]:
    """Return the reports of a folder's *.json in the order of their names, or of a file."""
    if not path.is_dir():
        return as_runs(read_json(path), path)
    runs: list[Run] = []
    for file in sorted(path.glob("*.json")):
        runs += as_runs(read_json(file), file)
    if not runs:
        raise ConfigError(f"{path} has no *.json")
    return runs


def pair_sets(baseline: Path, candidate: Path) -> list[tuple[Run, Run]]:
    """Return both sets side by side; ConfigError unless they have the same number."""
    one, other = read_set(baseline), read_set(candidate)
    if len(one) != len(other):
        raise ConfigError(
            f"{baseline} has {len(one)} reports and {candidate} has {len(other)}; "
            "pairs need the same number on both sides"
        )
    return list(zip(one, other, strict=True))
