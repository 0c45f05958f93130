"""Options that the commands of ``leeboard bench`` share: words and how they are read.

What cannot be read is refused with ConfigError, before anything is measured.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from runtime.access.credentials import Shown, find_token
from runtime.capacity.scenario import Arrivals, Profile
from runtime.errors import ConfigError

HEADER_NAME = re.compile(r"[0-9a-z_.-]+")

Target: TypeAlias = Annotated[
    str, typer.Argument(metavar="HOST:PORT", help="A KServe v2 gRPC server.")
]
Model: TypeAlias = Annotated[str, typer.Option("--model", "-m", help="The model's name.")]
Version: TypeAlias = Annotated[str, typer.Option(help="A version; default: the server's.")]
ArrivalsOption: TypeAlias = Annotated[
    Arrivals, typer.Option(help="How an open loop spaces its requests.")
]
Warmup: TypeAlias = Annotated[float, typer.Option(help="Seconds before that.")]
Connections: TypeAlias = Annotated[
    int | None, typer.Option(help="Connections; default: 8, or as many as are in flight.")
]
ProfileOption: TypeAlias = Annotated[
    Profile,
    typer.Option(
        help="packed writes many requests at once; ordinary one by one, like gRPC clients."
    ),
]
Batch: TypeAlias = Annotated[int, typer.Option(help="Rows of one request.")]
Shapes: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME:D1,D2 for an input's free sizes, without the batch dimension. May be "
        "repeated."
    ),
]
Data: TypeAlias = Annotated[
    Path | None, typer.Option(help="Inputs: .npy, .npz, or JSON as for perf_analyzer.")
]
Golden: TypeAlias = Annotated[
    Path | None, typer.Option(help="The outputs that answer --data; each is checked.")
]
Seed: TypeAlias = Annotated[int, typer.Option(min=0, help="Of random inputs and arrivals.")]
Headers: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="NAME:VALUE to send with every request. May be repeated."),
]
Metrics: TypeAlias = Annotated[
    str, typer.Option(help="The server's /metrics, if it is not found by itself.")
]


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Return name and sizes of ``NAME:D1,D2``; a name may have colons.

    Examples
    --------
    >>> parse_shape("ids:0:128,4")
    ('ids:0', (128, 4))
    """
    name, _, sizes = text.rpartition(":")
    try:
        shape = tuple(int(size) for size in sizes.split(",")) if sizes else ()
    except ValueError:
        name = ""
    if not name:
        raise ConfigError(f"--shape {text!r} is not NAME:D1,D2")
    return name, shape


def parse_header(text: str) -> tuple[str, str]:
    """Return name, in lower case, and value of ``NAME:VALUE``.

    Examples
    --------
    >>> parse_header("Authorization: Bearer x:y")
    ('authorization', 'Bearer x:y')
    """
    name, separator, value = text.partition(":")
    name, value = name.strip().lower(), value.strip()
    is_ours = name.startswith("grpc-") or name in ("te", "content-type")
    is_text = value.isascii() and value.isprintable()
    if not separator or not HEADER_NAME.fullmatch(name) or is_ours or not is_text:
        raise ConfigError(f"--header {name!r} is not NAME:VALUE, or gRPC's own")
    return name, value


def read_shapes(texts: list[str] | None) -> dict[str, tuple[int, ...]]:
    """Return all of --shape."""
    return dict(parse_shape(text) for text in texts or [])


def read_headers(texts: list[str] | None) -> tuple[tuple[str, str], ...]:
    """Return all of --header, and the token of the environment where none has another.

    A token in an option could be read by everybody on the machine.
    """
    given = tuple(parse_header(text) for text in texts or [])
    if any(name == "authorization" for name, _ in given):
        return given
    return (*given, *Shown(find_token()).headers)


def check_writable(path: Path) -> None:
    """Raise ConfigError where a file cannot be written, before anything is measured."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--json {path}: {error.strerror}") from error
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ConfigError(f"--json {path} cannot be written")


def save_json(path: Path, content: dict[str, Any]) -> None:
    """Write what was found; a reader sees all of it or none."""
    from runtime.capacity.files import write_json

    try:
        write_json(path, content)
    except OSError as error:
        raise ConfigError(f"--json {path}: {error.strerror}") from error
