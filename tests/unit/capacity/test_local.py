"""A server on this machine is found by its port, with its children, and counted."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from runtime.capacity.local import (
    Listener,
    accepting,
    cpu_by_process,
    cpu_ns,
    family,
    find_server,
    find_unix_server,
    holders,
    is_forwarder,
    parse_listeners,
    pss_bytes,
)
from runtime.testing.waiting import wait_until

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 111 1
   1: 0100007F:1F41 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  0  0 222 1
"""
TABLE_6 = (
    "  sl  local_address rem_address st tx_queue:rx_queue tr:when retrnsmt uid timeout\n"
    f"   0: 0000000000000000FFFF00000100007F:0050 {'0' * 32}:0000 0A 0:0 0:0 0 0 0 333\n"
)

LISTENS = """
import socket, subprocess, sys
server = socket.create_server(("127.0.0.1", 0))
metrics = socket.create_server(("127.0.0.1", 0))
child = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
print(server.getsockname()[1], metrics.getsockname()[1], child.pid, flush=True)
input()
child.communicate(b"\\n")
"""


LISTENS_ON_A_SOCKET = """
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
metrics = socket.create_server(("127.0.0.1", 0))
print(metrics.getsockname()[1], flush=True)
input()
"""


@contextmanager
def listening() -> Iterator[tuple[int, int, int, int]]:
    """A process that listens on two ports and has a child: pid, ports, child's pid."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", LISTENS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        port, other, child = map(int, process.stdout.readline().split())
        try:
            yield process.pid, port, other, child
        finally:
            process.communicate("\n", timeout=30)


def ended() -> int:
    """Return the id of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(30)
    return process.pid


def test_only_listening_sockets_are_read() -> None:
    assert parse_listeners(TABLE) == [Listener(ip_address("127.0.0.1"), 8001, "111")]


def test_an_ipv6_socket_may_take_ipv4() -> None:
    (socket_6,) = parse_listeners(TABLE_6)
    assert accepting([socket_6], "127.0.0.1", 80) == {"333"}


@pytest.mark.parametrize(("host", "inodes"), [("127.0.0.1", {"v4", "v6"}), ("::1", {"v6"})])
def test_a_socket_for_any_address_takes_every_one(host: str, inodes: set[str]) -> None:
    table = [
        Listener(ip_address("0.0.0.0"), 80, "v4"),
        Listener(ip_address("::"), 80, "v6"),
    ]
    assert accepting(table, host, 80) == inodes
    assert accepting(table, host, 81) == set()


def test_a_server_is_its_listener_and_all_below() -> None:
    with listening() as (pid, port, other, child):
        server = find_server("127.0.0.1", port)
        assert server is not None
        assert server.processes() == sorted([pid, child])
        assert server.other_addresses() == [f"127.0.0.1:{other}"]
    assert server.processes() == []


def test_a_server_is_found_by_its_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    assert find_unix_server(path) is None
    with subprocess.Popen(
        [sys.executable, "-S", "-c", LISTENS_ON_A_SOCKET, path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        port = int(process.stdout.readline())
        server = find_unix_server(path)
        assert server is not None
        assert server.processes() == [process.pid]
        assert server.other_addresses() == [f"127.0.0.1:{port}"]
        process.communicate("\n", timeout=30)
    assert find_unix_server(path) is None


def test_a_unix_socket_of_this_process_is_no_server(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as ours:
        ours.bind(str(tmp_path / "socket"))
        ours.listen()
        assert find_unix_server(str(tmp_path / "socket")) is None


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_a_server_elsewhere_is_not_looked_for(host: str) -> None:
    assert find_server(host, 80) is None


def test_a_process_is_a_forwarder_by_its_name() -> None:
    assert not is_forwarder(os.getpid())
    assert not is_forwarder(ended())
    with subprocess.Popen(
        ["bash", "-c", "echo -n ssh > /proc/$BASHPID/comm; read"],
        stdin=subprocess.PIPE,
    ) as process:
        wait_until(lambda: is_forwarder(process.pid), "its name is ssh")
        process.communicate(b"\n", timeout=30)


def test_nobody_listens_where_nobody_does() -> None:
    assert find_server("127.0.0.1", 1) is None


def test_this_process_is_no_server_that_can_be_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        assert find_server("127.0.0.1", ours.getsockname()[1]) is None


def test_no_sockets_are_held_by_nobody() -> None:
    assert holders(set()) == []


def test_processor_time_grows_with_work() -> None:
    before = cpu_ns([os.getpid()])
    assert sum(range(100_000)) > 0
    assert cpu_ns([os.getpid()]) > before > 0


def test_a_process_that_ended_counts_nothing() -> None:
    gone = ended()
    assert (cpu_by_process([gone]), pss_bytes([gone])) == ({}, 0)
    assert family(gone) == [gone]


def test_memory_is_what_the_kernel_says() -> None:
    assert pss_bytes([os.getpid()]) > 1 << 20
