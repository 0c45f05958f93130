"""Addresses as people write them."""

from __future__ import annotations

import ipaddress


def is_local(host: str) -> bool:
    """Tell whether only this machine can reach an address.

    A name other than localhost could mean any address, so it is not.

    Examples
    --------
    >>> is_local("127.3.4.5"), is_local("[::1]"), is_local("unix:/run/x"), is_local("pi")
    (True, True, True, False)
    """
    if host == "localhost" or host.startswith("unix:"):
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def address(host: str, port: int) -> str:
    """Return an address as clients and browsers take it.

    Examples
    --------
    >>> address("::1", 8001), address("127.0.0.1", 8001)
    ('[::1]:8001', '127.0.0.1:8001')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
