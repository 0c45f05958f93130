"""``leeboard registry``: what people decide about versions, and keeping it all safe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime.registry_options import Json, Name, Number, Reason, folder_of, opened
from runtime.registry_shown import policy_text, print_json, say
from runtime.store_commands import backup_store, restore_store

Note = Annotated[str, typer.Option(help="Your words, for the audit log.")]


def approve(context: typer.Context, name: Name, number: Number, note: Note = "") -> None:
    """Approve a version, as you."""
    with opened(context) as there:
        state = there.approve(name, number, note)
        policy = there.model(name).policy
        has = len(there.approvals(name, number))
    say(f"{name}/{number} has {has} of {policy.approvals} approvals: {state.value}")


def reject(
    context: typer.Context,
    name: Name,
    number: Number,
    reason: Annotated[str, typer.Option(help="Why; whoever comes next asks.")],
) -> None:
    """Let nobody serve a version, nor the same files when they are pushed again."""
    with opened(context) as there:
        there.reject(name, number, reason)
    say(f"{name}/{number} is rejected: {reason}")


def retry(context: typer.Context, name: Name, number: Number, reason: Reason = "") -> None:
    """Give a rejected version another try."""
    with opened(context) as there:
        state = there.retry(name, number, reason)
    say(f"{name}/{number} is {state.value}")


def policy(
    context: typer.Context,
    name: Name,
    approvals: Annotated[
        int | None, typer.Option(help="How many people must approve a champion.")
    ] = None,
    four_eyes: Annotated[
        bool | None,
        typer.Option("--four-eyes/--no-four-eyes", help="Who pushed may not approve."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say or set what a version must have shown before it may be champion."""
    from dataclasses import asdict, replace

    from runtime.registry.records import Policy
    from runtime.registry.source import RegistryError

    is_set = approvals is not None or four_eyes is not None
    with opened(context) as there:
        try:
            found = there.model(name).policy
        except RegistryError:
            if not is_set:
                raise
            found = Policy()  # Of a model that has no version yet.
        if approvals is not None:
            found = replace(found, approvals=approvals)
        if four_eyes is not None:
            found = replace(found, four_eyes=four_eyes)
        if is_set:
            there.set_policy(name, found)
    print_json(asdict(found)) if as_json else say(policy_text(name, found))


def freeze(context: typer.Context, name: Name, reason: Reason = "") -> None:
    """Let no alias of NAME move, and no server swap it, until `unfreeze`."""
    with opened(context) as there:
        there.freeze(name, reason)
        why = there.model(name).frozen
    say(f"{name} is frozen: {why}")


def unfreeze(context: typer.Context, name: Name) -> None:
    """Let the aliases of NAME move again."""
    with opened(context) as there:
        there.unfreeze(name)
    say(f"{name} is not frozen")


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write, replaced if there.")],
) -> None:
    """Write the whole registry to one file, while others use it."""
    backup_store(folder_of(context), file)


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
) -> None:
    """Make the registry of a backup in --dir, which must be new or empty."""
    restore_store(file, folder_of(context))


def add_decisions(registry: typer.Typer) -> None:
    """Put these commands under ``leeboard registry``."""
    decisions = (approve, reject, retry, policy, freeze, unfreeze)
    for command in (*decisions, backup, restore):
        registry.command()(command)
