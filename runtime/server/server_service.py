"""leeboard.v1.Server: what the server is, and who the caller is to it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runtime import __version__
from runtime.access.decisions import roles_of
from runtime.access.identities import Quota
from runtime.access.roles import ANYBODY, NAMES, Role
from runtime.messages import Message, message
from runtime.server.control_services import Caller, Method

InfoRequest = message("leeboard.v1.InfoRequest")
InfoResponse = message("leeboard.v1.InfoResponse")
WhoAmIRequest = message("leeboard.v1.WhoAmIRequest")
WhoAmIResponse = message("leeboard.v1.WhoAmIResponse")


@dataclass(frozen=True, slots=True)
class About:
    """The server as it is now; `started_at` is in Unix seconds, a port 0 is none."""

    started_at: float
    grpc_port: int
    http_port: int
    control_port: int
    ready: bool
    features: Sequence[str]
    services: Sequence[str]


def role_list(roles: Role) -> list[str]:
    """Return the names of a set of roles."""
    return [name for name, role in NAMES.items() if role in roles]


class ServerService:
    """Answers Info and WhoAmI."""

    name = "leeboard.v1.Server"

    def __init__(self, about: Callable[[], About]) -> None:
        self._about = about

    @property
    def methods(self) -> Sequence[Method]:
        """Both for any known caller."""
        return (
            Method("Info", ANYBODY, InfoRequest, self._info),
            Method("WhoAmI", ANYBODY, WhoAmIRequest, self._who_am_i),
        )

    async def _info(self, caller: Caller, request: Message) -> Message:
        about = self._about()
        build = (
            f"{platform.python_implementation()} {platform.python_version()}, "
            f"{platform.system()} {platform.machine()}"
        )
        return InfoResponse(
            version=__version__,
            build=build,
            started_at=about.started_at,
            grpc_port=about.grpc_port,
            http_port=about.http_port,
            control_port=about.control_port,
            ready=about.ready,
            features=about.features,
            services=about.services,
            roles=role_list(roles_of(caller.identity)),
        )

    async def _who_am_i(self, caller: Caller, request: Message) -> Message:
        identity = caller.identity
        quota = identity.quota if identity else Quota()
        return WhoAmIResponse(
            identity=identity.name if identity else "",
            roles=role_list(roles_of(identity)),
            models=identity.models if identity else (),
            quota={
                "requests_per_s": quota.requests_per_s,
                "burst": quota.burst,
                "concurrent": quota.concurrent,
            },
        )
