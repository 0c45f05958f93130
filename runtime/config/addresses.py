"""Texts that name listeners and processors."""

from __future__ import annotations

import re

from runtime.config.sections import Address
from runtime.errors import ConfigError

CPU = re.compile("[0-9]{1,4}")


def parse_address(text: str, has_tls: bool) -> Address:
    """Return the listener that a text names; raises ConfigError.

    HOST:PORT speaks TLS when there are certificates, unix:PATH does not; ``tls:`` or
    ``plain:`` in front says otherwise.

    Examples
    --------
    >>> parse_address("plain:[::1]:8003", has_tls=True)
    Address(host='::1', port=8003, path='', tls=False)
    >>> parse_address("unix:/run/leeboard.sock", has_tls=True).path
    '/run/leeboard.sock'
    """
    scheme, _, rest = text.partition(":")
    wish = scheme if scheme in ("tls", "plain") else ""
    where = rest if wish else text
    if wish == "tls" and not has_tls:
        raise ConfigError(f"--listen {text!r} needs --tls-certificate and --tls-key")
    if where.startswith("unix:"):
        path = where.removeprefix("unix:")
        if not path:
            raise ConfigError(f"--listen {text!r} names no path")
        return Address("", 0, path, wish == "tls")
    host, colon, port = where.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) <= 65535):
        raise ConfigError(f"--listen {text!r} is neither HOST:PORT nor unix:PATH")
    return Address(host.strip("[]"), int(port), "", has_tls and wish != "plain")


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return the processors that a list names; raises ConfigError.

    Examples
    --------
    >>> parse_cpus("0,2-4")
    (0, 2, 3, 4)
    """
    cpus: set[int] = set()
    for part in filter(None, text.split(",")):
        first, dash, last = part.partition("-")
        ends = [first, last] if dash else [first, first]
        if not all(CPU.fullmatch(end) for end in ends) or int(ends[0]) > int(ends[1]):
            raise ConfigError(f"--worker-cpus {text!r} is no list like 2,4-7")
        cpus.update(range(int(ends[0]), int(ends[1]) + 1))
    return tuple(sorted(cpus))
