"""What describes a peer: values that the rest of this package passes around."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SITE_PACKAGES = Path(sysconfig.get_path("platlib")).relative_to(sysconfig.get_path("data"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is started: its environment, a folder of its own, model and ports."""

    prefix: Path
    folder: Path
    model: Path
    grpc_port: int = 0
    http_port: int = 0
    metrics_port: int = 0

    @property
    def python(self) -> str:
        """The environment's interpreter."""
        return str(self.prefix / "bin" / "python")

    @property
    def site_packages(self) -> Path:
        """Where the environment's packages are."""
        return self.prefix / SITE_PACKAGES


@dataclass(frozen=True, slots=True)
class Launch:
    """A command and what is added to its environment."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peer:
    """A server beside ours.

    `environment` names a file in `requirements/`; peers with the same one share it.
    `package` is the one whose version is told; "" is this repository. `launch` writes what
    the server reads into the place's folder and returns the command. `settings` says what
    was chosen and why, `sources` the pages of the advice.
    """

    name: str
    environment: str
    package: str
    launch: Callable[[Place], Launch]
    settings: str
    sources: tuple[str, ...] = ()
