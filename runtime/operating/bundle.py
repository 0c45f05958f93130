"""``leeboard support-bundle``: one file with what helps to find a fault, and no secrets.

What cannot be had is named in the bundle's manifest; the rest is there all the same. The
options in force are read out of the server's own process, which the kernel allows its user
and root only (see `runtime.options.effective`); from another machine they are missing.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from runtime import __version__
from runtime.atomic import replacing
from runtime.capacity.endpoint import Call
from runtime.errors import ConfigError, LeeboardError, ServerError
from runtime.listing import Shown, list_models, plain_call, show_model
from runtime.models.describe import utc_now
from runtime.operating.account import read_statistics, server_of
from runtime.operating.here import events_of, pids_of
from runtime.operating.looking import Metrics
from runtime.operating.machine import (
    describe_machine,
    describe_packages,
    describe_process,
)
from runtime.options.effective import HIDDEN, read_effective

FOLDER = "leeboard-support"
SECRET_NAME = re.compile("TOKEN|SECRET|PASSWORD|PASSWD|_KEY$|API_?KEY|HEADERS|CREDENTIAL")
SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the bundle; `trouble` says why it is empty."""

    name: str
    content: bytes = b""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The server that a bundle is about, and how it is asked."""

    url: str
    metrics: Metrics
    call: Call = plain_call


Maker = Callable[[Asked], object]
"""Returns a text, or values for JSON; raises LeeboardError or OSError."""


def about_server(asked: Asked) -> object:
    """Return who answers at the address."""
    return {"url": asked.url, "server": server_of(asked.url, asked.call)}


def about_models(asked: Asked) -> object:
    """Return every version with its state, configuration, load report and statistics."""
    names = sorted({each.name for each in list_models(asked.url, asked.call)})
    return {
        name: {
            "versions": [
                version_values(shown)
                for shown in show_model(asked.url, name, call=asked.call)
            ],
            "statistics": {
                version: asdict(answers)
                for version, answers in read_statistics(asked.url, name, asked.call).items()
            },
        }
        for name in names
    }


def version_values(shown: Shown) -> dict[str, Any]:
    """Return one version as JSON values."""
    from google.protobuf.json_format import MessageToDict

    config = None
    if shown.config is not None:
        config = MessageToDict(shown.config, preserving_proto_field_name=True)
    return {**asdict(shown.listed), "config": config, "load_report": shown.report}


def options_of(url: str) -> dict[str, Any]:
    """Return the options in force, each with the place that said it.

    Raises ServerError when the server is not this user's, or not on this machine.
    """
    found = read_effective(pids_of(url))
    if found is None:
        raise ServerError(f"the process of {url} shows no options to this user")
    return found


def about_events(asked: Asked) -> object:
    """Return the last changes of state, oldest first."""
    return [event._asdict() for event in events_of(asked.url)]


def about_processes(asked: Asked) -> object:
    """Return memory and limits of all processes of the server."""
    return [describe_process(pid) for pid in pids_of(asked.url)]


MAKERS: Mapping[str, Maker] = {
    "server.json": about_server,
    "models.json": about_models,
    "metrics.txt": lambda asked: asked.metrics.page(),
    "options.json": lambda asked: options_of(asked.url),
    "events.json": about_events,
    "processes.json": about_processes,
    "machine.json": lambda _: describe_machine(),
    "packages.json": lambda _: describe_packages(),
}
"""What is in a bundle, file by file. A further part is a further row."""


def collect(
    url: str,
    metrics: Metrics,
    call: Call = plain_call,
    makers: Mapping[str, Maker] = MAKERS,
) -> list[Entry]:
    """Return all files of a bundle about a server, the manifest first."""
    asked = Asked(url, metrics, call)
    entries = [entry_of(name, partial(make, asked)) for name, make in makers.items()]
    manifest = {
        "made_at": utc_now(),
        "made_by": f"leeboard {__version__}",
        "url": url,
        "missing": {entry.name: entry.trouble for entry in entries if entry.trouble},
    }
    return [entry_of("manifest.json", lambda: manifest), *entries]


def entry_of(name: str, make: Callable[[], object]) -> Entry:
    """Return one file; what is in the way of making it is said in its place."""
    try:
        made = make()
    except (LeeboardError, OSError) as error:
        return Entry(name, trouble=str(error))
    text = made if isinstance(made, str) else json.dumps(made, indent=1) + "\n"
    return Entry(name, text.encode(errors="backslashreplace"))


def secrets_of(environment: Mapping[str, str]) -> list[bytes]:
    """Return the values of variables that are secrets by their names, longest first."""
    found = {
        value.encode(errors="surrogateescape")
        for name, value in environment.items()
        if SECRET_NAME.search(name.upper()) and len(value) >= SHORTEST_SECRET
    }
    return sorted(found, key=len, reverse=True)


def scrubbed(content: bytes, secrets: Iterable[bytes]) -> bytes:
    """Return a content without any secret that stands in it, whatever put it there."""
    for secret in secrets:
        content = content.replace(secret, HIDDEN.encode())
    return content


def write_bundle(
    path: Path, entries: Sequence[Entry], environment: Mapping[str, str] = os.environ
) -> None:
    """Write the bundle as a whole or not at all, for this user only to read.

    Raises ConfigError where that is impossible.
    """
    secrets = secrets_of(environment)
    try:
        with (
            replacing(path, mode=0o600) as file,
            tarfile.open(fileobj=file, mode="w:gz") as archive,
        ):
            for entry in entries:
                add_file(archive, entry, scrubbed(entry.content, secrets))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def add_file(archive: tarfile.TarFile, entry: Entry, content: bytes) -> None:
    """Add one file to the archive."""
    about = tarfile.TarInfo(f"{FOLDER}/{entry.name}")
    about.size, about.mode, about.mtime = len(content), 0o600, int(time.time())
    archive.addfile(about, io.BytesIO(content))
