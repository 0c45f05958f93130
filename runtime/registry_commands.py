"""``leeboard registry``: pushes versions, moves aliases, and says what there is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.errors import ConfigError
from runtime.import_commands import add_import
from runtime.registry_decisions import add_decisions
from runtime.registry_options import (
    AnySignature,
    Generation,
    Json,
    Name,
    Reason,
    opened,
    options,
)
from runtime.registry_shown import (
    collected_values,
    model_values,
    pointer_values,
    print_collected,
    print_difference,
    print_json,
    print_model,
    print_models,
    print_verified,
    print_version,
    print_versions,
    say,
    verified_values,
    version_values,
)

if TYPE_CHECKING:
    from runtime.registry.layout import Laid
    from runtime.registry.manifest import Signature
    from runtime.registry.records import Facts

LARGEST_CONTRACT = 1 << 20

registry = typer.Typer(
    help="Versions of models, which of them serve, and who decided that.",
    callback=options,
    no_args_is_help=True,
)
add_decisions(registry)
add_import(registry)


@registry.command()
def push(
    context: typer.Context,
    name: Name,
    file: Annotated[Path, typer.Argument(help="A model file, or its folder.")],
    alias: Annotated[str, typer.Option(help="Point this alias at it, as champion.")] = "",
    metric: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER; can be repeated.")
    ] = None,
    notes: Annotated[str, typer.Option(help="What people should know of it.")] = "",
    parent: Annotated[
        str, typer.Option(help="The version it was made from: 3, @champion, a digest.")
    ] = "",
    data_digest: Annotated[str, typer.Option(help="Digest of its training data.")] = "",
    code: Annotated[str, typer.Option(help="The code that made it, as a commit.")] = "",
    contract: Annotated[
        Path | None, typer.Option(help="JSON: what rows must look like.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="What rows look like: a file of `leeboard monitor reference`."),
    ] = None,
    warmup: Annotated[
        Path | None, typer.Option(help="An .npz of inputs to run it with, kept with it.")
    ] = None,
    reason: Reason = "",
    generation: Generation = None,
    any_signature: AnySignature = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Load and run it first.")
    ] = True,
    check_timeout: Annotated[
        float, typer.Option(help="Seconds that its load may take.", min=1.0)
    ] = 120.0,
    allow_module: Annotated[
        list[str] | None,
        typer.Option(help="A package whose factories may make its module."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Register FILE as a version of NAME; the same one keeps its number."""
    from runtime.registry.layout import lay_out
    from runtime.registry.manifest import Lineage
    from runtime.registry.references import check_alias, check_name
    from runtime.registry.referring import with_reference

    check_name(name)  # Before a registry is made for it.
    if alias:
        check_alias(alias)
    laid = lay_out(file, warmup)
    metrics = dict(map(parse_metric, metric or ()))
    read = read_contract(contract) if contract else {}
    signature = proven(laid, check, check_timeout, tuple(allow_module or ()))
    with opened(context, create=True) as there, TemporaryDirectory() as folder:
        if reference is not None:
            laid = with_reference(laid, reference, Path(folder))
        made_from = there.version(name, parent).digest if parent else ""
        facts: Facts = {
            "signature": signature,
            "lineage": Lineage(data_digest, made_from, code),
            "metrics": metrics,
            "contract": read,
            "notes": notes,
        }
        pushed = there.push(name, laid.files, laid.framework, source=str(file), **facts)
        label = f"{name}/{pushed.number}"
        if not as_json:
            say(f"{label} {'is registered' if pushed.is_new else 'was there already'}")
        if pushed.note:
            sys.stderr.write(f"{pushed.note}\n")
        if alias:
            there.alias(
                name,
                alias,
                pushed.number,
                expected=generation,
                any_signature=any_signature,
                reason=reason,
            )
        if as_json:
            shown = there.version(name, pushed.number)
            print_json({**version_values(shown), "is_new": pushed.is_new})
        elif alias:
            say(f"{name}@{alias} points at {pushed.number}")


@registry.command("alias")
def alias_command(
    context: typer.Context,
    name: Name,
    alias: Annotated[str, typer.Argument(help="champion, challenger or another name.")],
    version: Annotated[str, typer.Argument(help="3, @ALIAS, a digest; none: remove it.")],
    generation: Generation = None,
    reason: Reason = "",
    any_signature: AnySignature = False,
    as_json: Json = False,
) -> None:
    """Point an alias of NAME at VERSION; `none` removes the alias."""
    with opened(context) as there:
        if version == "none":
            there.remove_alias(name, alias, expected=generation, reason=reason)
            print_json(None) if as_json else say(f"{name}@{alias} points at nothing")
            return
        number = there.version(name, version).number
        pointer = there.alias(
            name,
            alias,
            number,
            expected=generation,
            any_signature=any_signature,
            reason=reason,
        )
    if as_json:
        print_json(pointer_values(pointer))
        return
    before = f", before at {pointer.previous}" if pointer.previous else ""
    say(f"{name}@{alias} points at {number} (generation {pointer.generation}{before})")


@registry.command("list")
def list_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A model; default: all models.")] = "",
    as_json: Json = False,
) -> None:
    """Say which models there are, or which versions NAME has."""
    with opened(context) as there, there.looking() as looking:
        listed = looking.listed()
        versions = looking.versions(name) if name else []
    if not name:
        print_json([*map(model_values, listed)]) if as_json else print_models(listed)
        return
    if as_json:
        print_json([version_values(version) for version in versions])
        return
    (model,) = (one for one in listed if one.model.name == name)
    print_model(model.model)
    print_versions(versions, model.pointers)


@registry.command()
def show(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="NAME/VERSION, NAME@ALIAS or NAME.")],
    as_json: Json = False,
) -> None:
    """Say all that is known of a version; of NAME alone, of each of its versions."""
    from runtime.registry.references import split_reference

    name, which = split_reference(reference)
    with opened(context) as there, there.looking() as looking:
        found = [looking.referred(name, which)] if which else looking.versions(name)
        approvals = [looking.approvals(name, one.number) for one in found]
    if as_json:
        values = [version_values(v, said) for v, said in zip(found, approvals, strict=True)]
        print_json(values[0] if which else values)
        return
    for version, said in zip(found, approvals, strict=True):
        print_version(version, said)


@registry.command()
def diff(
    context: typer.Context,
    name: Name,
    a: Annotated[str, typer.Argument(help="A version: 3, @champion, a digest.")],
    b: Annotated[str, typer.Argument(help="Another.")],
    as_json: Json = False,
) -> None:
    """Say what differs between two versions of NAME."""
    from dataclasses import asdict

    with opened(context) as there:
        difference = there.diff(name, a, b)
    if as_json:
        print_json(asdict(difference))
        return
    print_difference(difference, (f"{name} {a}", f"{name} {b}"))


@registry.command()
def verify(
    context: typer.Context,
    head: Annotated[
        str, typer.Option(help="SEQ:HASH of the audit log, kept from before.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Read everything; exit status 1 where something is missing, damaged or cut off."""
    from runtime.store.audit import parse_head

    with opened(context) as there:
        verified = there.verify(parse_head(head) if head else None)
    print_json(verified_values(verified)) if as_json else print_verified(verified)
    if not verified.is_whole:
        raise typer.Exit(1)


@registry.command()
def gc(
    context: typer.Context,
    keep: Annotated[
        int, typer.Option(help="Newest versions of each model to keep.", min=0)
    ] = 5,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove the files of versions that nobody needs; what is known of them stays."""
    with opened(context) as there:
        collected = there.gc(keep_last=keep, dry_run=dry_run)
    print_json(collected_values(collected)) if as_json else print_collected(collected)


def proven(
    laid: Laid, check: bool, timeout_s: float, modules: tuple[str, ...]
) -> Signature:
    """Return the signature that the gate found, and say what else it did."""
    from runtime.models.proving import prove_as_served
    from runtime.registry.manifest import Signature

    if not check:
        sys.stderr.write("not checked: whether it loads, and what it takes, is unknown\n")
        return Signature()
    proof = prove_as_served(laid, timeout_s, modules)
    for finding in proof.findings:
        sys.stderr.write(f"note: {finding}\n")
    return proof.signature


def parse_metric(text: str) -> tuple[str, float]:
    """Return the name and value of ``auc=0.9``; raises ConfigError.

    Examples
    --------
    >>> parse_metric("auc=0.9")
    ('auc', 0.9)
    """
    name, equals, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number, equals = 0.0, ""
    if not equals or not name:
        raise ConfigError(f"{text!r} is no metric; it is NAME=NUMBER, as auc=0.9")
    return name, number


def read_contract(path: Path) -> dict[str, object]:
    """Return the JSON object of a file; raises ConfigError, or ProfileError."""
    from runtime.profiles.contract import contract_of

    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_CONTRACT + 1)
        values = json.loads(text) if len(text) <= LARGEST_CONTRACT else None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} is no JSON object of up to {LARGEST_CONTRACT} bytes")
    contract_of(values)  # What is not one is said before anything is done.
    return values
