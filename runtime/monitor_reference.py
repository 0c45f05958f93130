"""``leeboard monitor reference``: what rows look like, out of a file of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.errors import ConfigError
from runtime.printable import escaped

if TYPE_CHECKING:
    from runtime.profiles import Reference
    from runtime.profiles.reading import Columns

MOST_EDGES = 31


def reference_command(
    rows: Annotated[
        Path,
        typer.Argument(
            help="Rows that the model was made for: .csv, .parquet, .npy, .npz."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    columns: Annotated[
        str,
        typer.Option(help="Columns to take, in the model's order: a,b,c. Names an .npy's."),
    ] = "",
    without: Annotated[
        list[str] | None,
        typer.Option(help="A column to leave out, as the label; repeatable."),
    ] = None,
    categorical: Annotated[
        list[str] | None, typer.Option(help="A column of categories; repeatable.")
    ] = None,
    valid: Annotated[
        list[str] | None,
        typer.Option("--range", help="COLUMN=LOW:HIGH, what is valid; repeatable."),
    ] = None,
    edges: Annotated[
        int,
        typer.Option(help="Quantiles that drift is looked for at.", min=1, max=MOST_EDGES),
    ] = 10,
) -> None:
    """Write what the rows of a file look like, for a server to hold its own to.

    Give it to the server as `reference` in the monitor's file, as reference.json beside a
    model's file, or with `leeboard registry push --reference`.
    """
    from runtime.atomic import write_bytes
    from runtime.profiles import Reference, read_columns

    read = chosen(read_columns(rows), names_of(columns), without or [])
    made = Reference.from_rows(
        read,
        categorical=categorical or (),
        edges=edges,
        ranges=dict(map(range_of, valid or ())),
    )
    try:
        write_bytes(output, made.to_bytes(), mode=0o644)
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}") from error
    print(escaped(words(output, made)))


def names_of(text: str) -> list[str]:
    """Return names that are divided by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def range_of(text: str) -> tuple[str, tuple[float, float]]:
    """Return a column and its range.

    Examples
    --------
    >>> range_of("age=18:120")
    ('age', (18.0, 120.0))
    """
    name, _, ends = text.rpartition("=")
    low, _, high = ends.partition(":")
    try:
        return name, (float(low), float(high))
    except ValueError:
        raise ConfigError(
            f"{text!r} is no range; it is COLUMN=LOW:HIGH, as age=18:120"
        ) from None


def chosen(read: Columns, names: list[str], without: list[str]) -> Columns:
    """Return the columns to take, in order; ConfigError for a name that is none."""
    if list(read) == ["x"] and read["x"].ndim == 2 and names:
        array = read["x"]
        if array.shape[1] != len(names):
            raise ConfigError(f"rows have {array.shape[1]} values, not {len(names)}")
        read = {name: array[:, place] for place, name in enumerate(names)}
    unknown = [name for name in [*names, *without] if name not in read]
    if unknown:
        raise ConfigError(f"there is no column {unknown[0]!r}; known: {', '.join(read)}")
    return {name: read[name] for name in names or read if name not in without}


def words(output: Path, made: Reference) -> str:
    """Return what was made, for people."""
    mixes = sum(feature.is_categorical for feature in made.features)
    return (
        f"wrote {output}: {len(made.features)} features ({mixes} of categories) of "
        f"{made.rows:,} rows, sha256:{made.digest[:12]}"
    )
