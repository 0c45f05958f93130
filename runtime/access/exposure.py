"""Who can reach the server, and what that demands: the secure defaults.

Pure functions, called before anything listens. Loopback and Unix sockets demand nothing;
any other address demands TLS and tokens, or ``--insecure``, which is said aloud. The
control port is never opened to others without both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.addresses import is_local
from runtime.errors import ConfigError

GET_TLS = "--tls-certificate and --tls-key for TLS"
GET_TOKENS = (
    "--tokens FILE for tokens (`leeboard tokens new NAME --role infer` makes the first)"
)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Where a server listens and how it is guarded.

    `hosts` are those of the gRPC and HTTP ports, and of further listeners, where a Unix
    socket is ``unix:PATH``. `control_host` is None where there is no control port.
    """

    hosts: Sequence[str]
    control_host: str | None
    has_tls: bool
    has_tokens: bool
    insecure: bool = False


def check(exposure: Exposure) -> tuple[str, ...]:
    """Return what is to be said aloud at the start; raises ConfigError for a refusal.

    The error names what is missing and how to get it.
    """
    missing = [
        way
        for way, is_there in (
            (GET_TLS, exposure.has_tls),
            (GET_TOKENS, exposure.has_tokens),
        )
        if not is_there
    ]
    control = exposure.control_host
    if missing and control is not None and not is_local(control):
        raise ConfigError(
            f"--control-host {control} can be reached by others: that needs "
            f"{' and '.join(missing)}, even with --insecure; or leave it at 127.0.0.1"
        )
    reached = [host for host in exposure.hosts if not is_local(host)]
    if not reached:
        return ()
    if not missing:
        return (
            "the HTTP port has no TLS and asks for no token: its /metrics, /live and "
            "/ready can be read by whoever reaches it",
        )
    if not exposure.insecure:
        raise ConfigError(
            f"{', '.join(dict.fromkeys(reached))} can be reached by others: that needs "
            f"{' and '.join(missing)}; or --insecure, to let everybody in who reaches it"
        )
    lacks = [
        word
        for word, is_there in (("TLS", exposure.has_tls), ("tokens", exposure.has_tokens))
        if not is_there
    ]
    return (
        f"--insecure: {', '.join(dict.fromkeys(reached))} can be reached by others without "
        f"{' or '.join(lacks)}; who reaches it can "
        + ("read what is sent" if exposure.has_tokens else "use and watch all models"),
    )
