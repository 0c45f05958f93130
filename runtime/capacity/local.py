"""What a server on this machine uses: found by its port, counted by the kernel.

The server is every process that holds the listening socket, and their descendants. Only
this user's processes can be looked into; for the others, and for a server elsewhere, there
is no answer, which is not an error. Processes may end while they are looked at.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"
CPU_CLOCK = 2
"""The kernel's name for "time that ran", in the low bits of a process's clock."""

FORWARDERS = ("docker-proxy", "rootlessport", "slirp4netns", "pasta", "ssh", "kubectl")
"""Programs that listen for a server which is elsewhere, or in a container."""

PROBE_S = 5.0
PEER = struct.Struct("3i")
"""What the kernel says of the other end of a Unix socket: process, user and group."""

IpAddress = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket that waits for connections."""

    address: IpAddress
    port: int
    inode: str


def family(pid: int) -> list[int]:
    """Return a process and all its living descendants."""
    members = [pid]
    for member in members:
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            with suppress(OSError):
                members += [int(child) for child in children.read_text().split()]
    return members


def cpu_by_process(pids: Iterable[int]) -> dict[int, int]:
    """Return the processor time of each living process, in nanoseconds.

    It is the time of all its threads, of those that ended as well.
    """
    used = {}
    for pid in pids:
        with suppress(OSError):
            # The clock of another process, as clock_getcpuclockid(3) makes it.
            used[pid] = time.clock_gettime_ns((~pid << 3) | CPU_CLOCK)
    return used


def cpu_ns(pids: Iterable[int]) -> int:
    """Return the processor time of all threads of these processes.

    A process that has gone counts nothing.
    """
    return sum(cpu_by_process(pids).values())


def pss_bytes(pids: Iterable[int]) -> int:
    """Return the memory of these processes, each shared page divided by its users."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def unpack_address(text: str) -> IpAddress:
    """Return the address that /proc/net/tcp writes as words in the machine's order.

    Examples
    --------
    >>> unpack_address("0100007F")
    IPv4Address('127.0.0.1')
    >>> unpack_address("00000000000000000000000001000000")
    IPv6Address('::1')
    """
    raw = bytes.fromhex(text)
    return ip_address(b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4)))


def parse_listeners(table: str) -> list[Listener]:
    """Return the listening sockets of a /proc/net/tcp or tcp6."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[3] == LISTENING:
            address, _, port = fields[1].partition(":")
            found.append(Listener(unpack_address(address), int(port, 16), fields[9]))
    return found


def listeners() -> list[Listener]:
    """Return all listening sockets of this network namespace."""
    found = []
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            found += parse_listeners((PROC / "net" / name).read_text())
    return found


def accepting(sockets: Iterable[Listener], host: str, port: int) -> set[str]:
    """Return the inodes of the sockets that get connections to an address.

    The kernel prefers a socket with exactly that address to one that takes any.

    Examples
    --------
    >>> table = [
    ...     Listener(ip_address("0.0.0.0"), 80, "1"),
    ...     Listener(ip_address("127.0.0.1"), 80, "2"),
    ... ]
    >>> accepting(table, "127.0.0.1", 80), accepting(table, "127.0.0.2", 80)
    ({'2'}, {'1'})
    """
    wanted = ip_address(host)
    there = [listener for listener in sockets if listener.port == port]
    exact = {s.inode for s in there if wanted in (s.address, mapped(s.address))}
    any_address = {
        s.inode
        for s in there
        if s.address.is_unspecified and s.address.version >= wanted.version
    }
    return exact or any_address


def mapped(address: IpAddress) -> IPv4Address | None:
    """Return the IPv4 address inside an IPv6 one."""
    return address.ipv4_mapped if isinstance(address, IPv6Address) else None


def reachable(listener: Listener) -> str:
    """Return ``HOST:PORT`` at which this machine reaches a socket of its own.

    Examples
    --------
    >>> reachable(Listener(ip_address("0.0.0.0"), 80, "1"))
    '127.0.0.1:80'
    >>> reachable(Listener(ip_address("::"), 80, "1"))
    '[::1]:80'
    """
    address = mapped(listener.address) or listener.address
    if address.is_unspecified:
        address = ip_address("127.0.0.1" if address.version == 4 else "::1")
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"{host}:{listener.port}"


def sockets_of(pid: int) -> set[str]:
    """Return the inodes of the sockets that a process holds; none if it is not ours."""
    found = set()
    with suppress(OSError):
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                kind, _, inode = os.readlink(descriptor.path).partition(":")
                if kind == "socket":
                    found.add(inode.strip("[]"))
    return found


def holders(inodes: set[str]) -> list[int]:
    """Return the processes that hold one of these sockets, lowest id first."""
    pids = sorted(int(name) for name in os.listdir(PROC) if name.isdigit())
    return [pid for pid in pids if inodes & sockets_of(pid)] if inodes else []


class LocalServer:
    """The processes that serve one port of this machine."""

    def __init__(self, roots: list[int], port: int) -> None:
        self._roots, self._port = roots, port

    def processes(self) -> list[int]:
        """Return the server's living processes, each once."""
        members = {pid for root in self._roots for pid in family(root)}
        return sorted(pid for pid in members if (PROC / str(pid)).exists())

    def other_addresses(self) -> list[str]:
        """Return ``HOST:PORT`` of each port on which the server listens beside its own."""
        inodes = {inode for pid in self.processes() for inode in sockets_of(pid)}
        others = {s for s in listeners() if s.inode in inodes and s.port != self._port}
        return sorted(map(reachable, others))


def is_local(host: str) -> bool:
    """Whether a numeric address is one of this machine's."""
    address = ip_address(host)
    kind = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(kind, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def is_forwarder(pid: int) -> bool:
    """Whether a process only passes connections on to a server that it hides."""
    with suppress(OSError):
        return (PROC / str(pid) / "comm").read_text().strip() in FORWARDERS
    return False


def find_server(host: str, port: int) -> LocalServer | None:
    """Return the local server behind a numeric address, or None.

    None as well when the server hides behind a forwarder, as in a container, and when this
    process serves that port itself: its work and the server's could not be told apart.
    """
    if not is_local(host):
        return None
    return _led_by(holders(accepting(listeners(), host, port)), port)


def find_unix_server(path: str) -> LocalServer | None:
    """Return the server behind a Unix socket, or None, as `find_server` does.

    The kernel names the process that began to listen.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(path)
            said = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
        except OSError:
            return None
    pid = PEER.unpack(said)[0]
    return _led_by([pid] if pid and sockets_of(pid) else [], 0)


def _led_by(pids: Iterable[int], port: int) -> LocalServer | None:
    server = LocalServer([pid for pid in pids if not is_forwarder(pid)], port)
    processes = server.processes()
    return server if processes and os.getpid() not in processes else None


def used_ns(before: Mapping[int, int], after: Mapping[int, int]) -> int:
    """Return the time that living processes used between two looks.

    One that is new began at zero; one that ended is left out.

    Examples
    --------
    >>> used_ns({1: 100, 2: 50}, {1: 130, 3: 7})
    37
    """
    return sum(now - before.get(pid, 0) for pid, now in after.items())
