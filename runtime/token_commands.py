"""``leeboard tokens``: makes, lists and revokes the tokens of a token file.

A token is printed once, when it is made; the file keeps only its SHA-256.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime.access.file import locked, read, write
from runtime.access.identities import Identity, Token
from runtime.access.listed import parse, render
from runtime.access.roles import NOBODY, parse_role, role_names
from runtime.access.tokens import digest_of, expiry_of, moment_text, new_token
from runtime.errors import ConfigError

tokens = typer.Typer(help="Tokens that let callers in.", no_args_is_help=True)

File = Annotated[
    Path, typer.Option(envvar="LEEBOARD_TOKENS", help="The token file of the server.")
]
HERE = Path("tokens.yaml")
SHORT = 12
"""So many hexadecimal digits of its digest name a token."""


def found(path: Path) -> tuple[Identity, ...]:
    """Return the identities of a file; nobody where there is none yet."""
    return read(path) if path.exists() else ()


def short(token: Token) -> str:
    """Return the name of a token."""
    return token.digest.hex()[:SHORT]


def expiry_text(token: Token, now: float) -> str:
    """Return when a token ends, for people."""
    if not token.expires_at:
        return "never"
    ended = " (expired)" if token.expires_at <= now else ""
    return moment_text(token.expires_at) + ended


def with_token(
    identities: Iterable[Identity], wanted: Identity, token: Token
) -> list[Identity]:
    """Return identities with one more token of `wanted`, which may be there already.

    Raises ConfigError when it is there with other roles or models than were asked for.
    """
    listed = list(identities)
    for at, known in enumerate(listed):
        if known.name == wanted.name:
            if wanted.roles not in (NOBODY, known.roles):
                raise ConfigError(
                    f"{known.name} is there with the roles {role_names(known.roles)}; "
                    "leave --role out, or change the file"
                )
            if wanted.models not in ((), known.models):
                raise ConfigError(
                    f"{known.name} is there with other models; leave --model out, or "
                    "change the file"
                )
            listed[at] = replace(known, tokens=(*known.tokens, token))
            return listed
    if wanted.roles == NOBODY:
        raise ConfigError(f"{wanted.name} is new: say what it may do with --role")
    return [*listed, replace(wanted, tokens=(token,))]


@tokens.command()
def new(
    name: Annotated[str, typer.Argument(help="The identity: a person or a program.")],
    role: Annotated[
        list[str] | None, typer.Option(help="What it may do; can be repeated.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model it may use, or PREFIX*; default: all.")
    ] = None,
    expires: Annotated[
        str, typer.Option(help="When it ends: 12h, 90d, 8w, or an ISO date.")
    ] = "",
    note: Annotated[str, typer.Option(help="One line about this token.")] = "",
    file: File = HERE,
) -> None:
    """Add a token for NAME to the file and print it, this once."""
    expires_at = expiry_of(expires) if expires else 0
    roles = NOBODY
    for one in role or ():
        roles |= parse_role(one)
    text = new_token()
    token = Token(digest_of(text), expires_at, note)
    wanted = Identity(name, roles, tuple(model or ()), tokens=(token,))
    with locked(file):
        listed = with_token(found(file), wanted, token)
        parse(render(listed))  # What was given must be fit for the file.
        write(file, listed)
    sys.stderr.write(
        f"{name}: token {short(token)} ends {expiry_text(token, time.time())}; it is in no "
        "file and is not shown again:\n"
    )
    print(text)


@tokens.command("list")
def list_command(
    file: File = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say who is known, what they may do, and which tokens they have."""
    identities, now = read(file), time.time()
    if as_json:
        print(json.dumps([values_of(identity, now) for identity in identities], indent=1))
        return
    table = Table()
    for column in ("identity", "roles", "models", "token", "ends", "note"):
        table.add_column(column, overflow="fold")
    for identity in identities:
        about = [identity.name, role_names(identity.roles)]
        about.append(", ".join(identity.models) or "all")
        for token in identity.tokens or (None,):
            rest = [short(token), expiry_text(token, now), token.note] if token else []
            table.add_row(*map(escape, [*about, *rest]))
            about = ["", "", ""]
        for subject in identity.subjects:
            table.add_row(*map(escape, ["", "", "", "certificate", "", subject]))
    Console().print(table)


@tokens.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The identity.")],
    token: Annotated[
        str, typer.Option(help="The one token to end, by its name in `tokens list`.")
    ] = "",
    file: File = HERE,
) -> None:
    """End one token of NAME, or NAME as a whole, with its certificates."""
    with locked(file):
        identities = read(file)
        kept = without(identities, name, token)
        write(file, kept)
    what = f"token {token} of {name}" if token else name
    print(f"{what} is revoked; a running server hears of it within seconds")


def without(identities: Iterable[Identity], name: str, token: str = "") -> list[Identity]:
    """Return identities without one, or without one token of it; raises ConfigError."""
    listed = list(identities)
    for at, known in enumerate(listed):
        if known.name != name:
            continue
        if not token:
            return listed[:at] + listed[at + 1 :]
        going = [t for t in known.tokens if t.digest.hex().startswith(token.lower())]
        if len(going) != 1:
            how = "no token" if not going else "more than one token"
            raise ConfigError(f"{name} has {how} that begins with {token!r}")
        left = tuple(t for t in known.tokens if t is not going[0])
        listed[at] = replace(known, tokens=left)
        return listed
    raise ConfigError(f"nobody is called {name!r} in the file")


def values_of(identity: Identity, now: float) -> dict[str, object]:
    """Return an identity as JSON values."""
    return {
        "name": identity.name,
        "roles": role_names(identity.roles).split(", "),
        "models": list(identity.models),
        "tokens": [
            {
                "token": short(token),
                "ends": moment_text(token.expires_at) if token.expires_at else None,
                "expired": bool(token.expires_at) and token.expires_at <= now,
                "note": token.note,
            }
            for token in identity.tokens
        ],
        "subjects": list(identity.subjects),
    }
