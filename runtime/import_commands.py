"""``leeboard registry import``: brings versions out of folders and MLflow."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.errors import ConfigError
from runtime.registry_options import Json, folder_of, opened
from runtime.registry_shown import print_json, say

if TYPE_CHECKING:
    from runtime.registry.importing import Found, Imported
    from runtime.registry.layout import Laid
    from runtime.registry.manifest import Signature
    from runtime.registry.registry import Registry


def add_import(registry: typer.Typer) -> None:
    """Add the command ``import``."""
    registry.command("import")(import_command)


def import_command(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(help="A folder of models, folder:DIR, mlflow:URI or http://..."),
    ],
    name: Annotated[
        list[str] | None, typer.Option(help="Only this model; can be repeated.")
    ] = None,
    alias: Annotated[
        str, typer.Option(help="Point this alias at the highest version of each model.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would come.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Load and run each version first.")
    ] = True,
    check_timeout: Annotated[
        float, typer.Option(help="Seconds that each load may take.", min=1.0)
    ] = 120.0,
    allow_module: Annotated[
        list[str] | None,
        typer.Option(help="A package whose factories may make models' modules."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring models from a folder of Triton or TF Serving, or from MLflow."""
    from runtime.registry.importing import judged

    judge = (
        partial(signature_of, timeout_s=check_timeout, modules=tuple(allow_module or ()))
        if check
        else None
    )
    with tempfile.TemporaryDirectory(prefix="leeboard-import-") as scratch:
        found = find(source, name or [], Path(scratch))
        found = replace(
            found, candidates=tuple(judged(one, judge) for one in found.candidates)
        )
        imported = (
            foresee(context, found, alias) if dry_run else bring(context, found, alias)
        )
    print_json(asdict(imported)) if as_json else print_imported(imported, dry_run)


def find(source: str, names: list[str], scratch: Path) -> Found:
    """Return what a folder or a registry of MLflow would bring; raises ConfigError."""
    from runtime.registry import import_folder, import_mlflow
    from runtime.registry.sources import mlflow_source, parsed
    from runtime.store.engine import DATABASE

    kind, place = parsed(source)
    if kind == "mlflow":
        registry_there = mlflow_source(place)
        try:
            return import_mlflow.find(registry_there, names, scratch)
        finally:
            registry_there.close()
    if kind not in ("folder", "store"):
        raise ConfigError(f"{source}: versions are imported from folders and from MLflow")
    if (Path(place) / DATABASE).exists():
        raise ConfigError(
            f"{place} is a registry already; copy it with `leeboard registry backup` and "
            "`restore`"
        )
    return import_folder.find(Path(place), names, scratch)


def signature_of(laid: Laid, timeout_s: float, modules: tuple[str, ...]) -> Signature:
    """Return what a version takes and gives, once it was loaded and run."""
    from runtime.models.proving import prove_as_served

    return prove_as_served(laid, timeout_s, modules).signature


def foresee(context: typer.Context, found: Found, newest: str) -> Imported:
    """Return what would come; nothing is written, nor is a registry made."""
    from runtime.registry.importing import Imported, foretold, wanted_aliases

    with there_or_none(context) as there:
        arrivals = foretold(there, found.candidates)
        aliases = wanted_aliases(there, found, arrivals, newest)
    return Imported(tuple(arrivals), tuple(aliases))


def bring(context: typer.Context, found: Found, newest: str) -> Imported:
    """Push what can come, and point aliases that are not there yet."""
    from runtime.registry.importing import Imported, brought, set_aliases, wanted_aliases

    with opened(context, create=True) as there:
        arrivals = brought(there, found.candidates)
        aliases = wanted_aliases(there, found, arrivals, newest)
        return Imported(tuple(arrivals), set_aliases(there, aliases))


@contextmanager
def there_or_none(context: typer.Context) -> Iterator[Registry | None]:
    """Open the registry if it is there."""
    from runtime.store.engine import DATABASE

    if not (folder_of(context) / DATABASE).exists():
        yield None
        return
    with opened(context) as there:
        yield there


def print_imported(imported: Imported, dry_run: bool) -> None:
    """Print what came, what stays away and why."""
    came = "would come" if dry_run else "came"
    for one in imported.arrivals:
        label = f"{one.model} {one.theirs}"
        if one.number:
            new = came if one.is_new else "is there already"
            note = f" ({one.reason})" if one.reason else ""
            say(f"{label}: {new} as {one.model}/{one.number}{note}")
        else:
            say(f"{label}: does not come: {one.reason}")
    for alias in imported.aliases:
        label = f"{alias.model}@{alias.alias}"
        points = "would point" if dry_run else "points"
        why = f"stays: {alias.reason}" if alias.reason else f"{points} at {alias.number}"
        say(f"{label} {why}")
    coming = sum(one.is_new for one in imported.arrivals)
    away = sum(not one.number for one in imported.arrivals)
    say(f"{coming} versions {came}, {away} {'would' if dry_run else 'did'} not")
