"""What a server on this machine shows to its own user, and to root.

It needs nothing of the server's Python, which may be busy.
"""

from __future__ import annotations

from runtime.capacity.local import LocalServer, find_server, find_unix_server
from runtime.errors import ServerError
from runtime.events import Event
from runtime.listing import path_of, reach
from runtime.running.shown_events import read_events


def server_here(url: str) -> LocalServer | None:
    """Return the processes behind an address; None where they are not to be seen."""
    path = path_of(url)
    if path:
        return find_unix_server(path)
    endpoint = reach(url)
    return find_server(endpoint.host, endpoint.port)


def pids_of(url: str) -> list[int]:
    """Return the server's processes; raises ServerError when they are not to be seen."""
    server = server_here(url)
    if server is None:
        raise ServerError(f"the processes of {url} are not this user's, or not here")
    return server.processes()


def events_of(url: str) -> list[Event]:
    """Return the last changes of state, oldest first.

    Raises ServerError when the server is not this user's, or not on this machine.
    """
    found = read_events(pids_of(url))
    if found is None:
        raise ServerError(f"the process of {url} shows no events to this user")
    return found
