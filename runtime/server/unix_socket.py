"""The file of a Unix socket: whose it is, and who may connect.

grpcio takes the file of any other socket away without a word; the front end's listener
(csrc/front/listener.cc) keeps the same rules as this one.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from runtime.errors import ServerError

SCHEME = "unix:"
MODE = 0o660
"""Its user and group may connect."""


def path_of(address: str) -> Path | None:
    """Return the path that ``unix:PATH`` names; None for other addresses."""
    if not address.startswith(SCHEME):
        return None
    return Path(address.removeprefix(SCHEME))


def make_room(path: Path) -> None:
    """Remove the file of a server that has died without doing so.

    Raises ServerError when a server answers there, or the file is no socket.
    """
    where = f"cannot listen on {SCHEME}{path}: "
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ServerError(f"{where}{error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise ServerError(f"{where}there is a file that is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            with suppress(FileNotFoundError):
                path.unlink()
            return
        except BlockingIOError:
            pass  # Its queue is full: it lives.
        except OSError as error:
            raise ServerError(f"{where}{error}") from error
    raise ServerError(f"{where}another server answers there")
