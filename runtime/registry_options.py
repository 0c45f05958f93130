"""What all commands of ``leeboard registry`` have in common: where it is, and who asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.errors import ConfigError

if TYPE_CHECKING:
    from runtime.registry.registry import Registry

VARIABLE = "LEEBOARD_REGISTRY"

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The model's name.")]
Number = Annotated[int, typer.Argument(help="The version's number.", min=1)]
Reason = Annotated[str, typer.Option(help="Why, for the audit log.")]
Generation = Annotated[
    int | None,
    typer.Option(
        "--if-generation", help="Move the alias only from this generation; 0: it is new."
    ),
]
AnySignature = Annotated[
    bool,
    typer.Option(
        "--allow-signature-change",
        help="Let it take and give other tensors than the champion.",
    ),
]


def options(
    context: typer.Context,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", "--registry", envvar=VARIABLE, help="The registry's folder."),
    ] = None,
) -> None:
    """Versions of models, which of them serve, and who decided that."""
    context.obj = directory


def folder_of(context: typer.Context) -> Path:
    """Return the registry's folder; raises ConfigError where nobody named one."""
    folder = context.obj
    if not isinstance(folder, Path):
        raise ConfigError(
            f"say where the registry is: leeboard registry --dir DIR, or set {VARIABLE}"
        )
    return folder


@contextmanager
def opened(context: typer.Context, create: bool = False) -> Iterator[Registry]:
    """Open the registry as whoever runs this; `create` makes it where there is none."""
    # The database's packages are dear to import, and most commands never need them.
    from runtime.registry.actors import actor_here
    from runtime.registry.registry import Registry
    from runtime.store.store import Store

    folder = folder_of(context)
    store = Store.create(folder) if create else Store.open(folder)
    try:
        yield Registry(store, actor_here())
    finally:
        store.close()
