"""Messages between the control plane and a worker: JSON with descriptors, one a packet.

A SOCK_SEQPACKET pair keeps message borders and tells both sides at once when the other is
gone, which is what ends a worker whose front end has died.
"""

from __future__ import annotations

import json
import os
import select
import socket
from typing import Any

from runtime.errors import WorkerError

LARGEST = 128 << 10
MOST_FDS = 8

Message = dict[str, Any]


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new channel, both close-on-exec."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(channel: socket.socket, message: Message, fds: list[int] | None = None) -> None:
    """Send one message; raises WorkerError when the other side is gone."""
    payload = json.dumps(message).encode()
    if len(payload) > LARGEST:
        raise WorkerError(f"a message of {len(payload)} bytes does not fit the channel")
    try:
        socket.send_fds(channel, [payload], fds or [])
    except OSError as error:
        raise WorkerError(
            f"the other side of a worker's channel is gone: {error}"
        ) from error


def receive(channel: socket.socket) -> tuple[Message, list[int]] | None:
    """Return the next message with its descriptors, or None when the other side is gone."""
    try:
        payload, fds, _, _ = socket.recv_fds(channel, LARGEST, MOST_FDS)
    except ConnectionResetError:
        return None
    if not payload:
        for fd in fds:
            os.close(fd)
        return None
    message: Message = json.loads(payload)
    return message, fds


def is_readable(fd: int) -> bool:
    """Tell, without waiting, whether a channel has a message or has hung up."""
    return fd >= 0 and bool(_seen(fd, select.POLLIN))


def is_hung_up(fd: int) -> bool:
    """Tell whether the other side is gone, whatever it has left to be read."""
    return fd < 0 or bool(_seen(fd, select.POLLRDHUP))


def _seen(fd: int, events: int) -> list[tuple[int, int]]:
    looker = select.poll()
    looker.register(fd, events)
    return looker.poll(0)
