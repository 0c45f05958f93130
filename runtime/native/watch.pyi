"""What watches a version in the data plane: profiles of its tensors, and a journal.

A Watch belongs to the I/O thread from `exchange_watch` until `take_watched` returns it; in
between nothing of it may be read.
"""

from collections.abc import Sequence
from typing import final

from runtime.native.records import WatchedProfile, WatchJournal
from runtime.native.served import Served
from runtime.native.server import Server
from runtime.native.stats import TensorProfile

@final
class Watch:
    """Empty profiles of tensors, and which answers are kept one by one.

    The profiles given only say how: empty ones like them are filled.
    """

    def __init__(
        self, tensors: Sequence[WatchedProfile], journal: WatchJournal
    ) -> None: ...
    def take(self) -> list[tuple[TensorProfile, int]]:
        """Return the profiles, and for each the rows of another length; only once."""

    @property
    def rows(self) -> int:
        """Rows that were answered."""

    @property
    def kept(self) -> int:
        """Rows of those that are in the profiles."""

    @property
    def journal(self) -> bytes:
        """Records back to back, as csrc/batch/watch.h says."""

    @property
    def without_id(self) -> int:
        """Rows of requests without an id, which no label can name."""

    @property
    def unsampled(self) -> int:
        """Rows of requests that the journal's share leaves out."""

    @property
    def dropped(self) -> int:
        """Rows for which the journal had no room."""

def exchange_watch(server: Server, served: Served, watch: Watch | None) -> None:
    """Have `watch` filled from here on, or nothing; the one before is to be taken soon."""

def take_watched(server: Server) -> list[tuple[int, Watch]]:
    """Return what was exchanged since the last call, with the number of each version."""
