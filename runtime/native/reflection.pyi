"""What the data plane tells by server reflection."""

from collections.abc import Iterable
from typing import final

from runtime.native.server import Server

@final
class Reflection:
    """Descriptors of services; built once, then handed to a Server."""

    def __init__(self) -> None: ...
    def add_file(
        self, name: str, descriptor: bytes, symbols: Iterable[str], imports: Iterable[str]
    ) -> None:
        """Add a serialized FileDescriptorProto.

        `symbols` are the full names that it defines, `imports` the files it needs.
        """

    def add_service(self, name: str) -> None: ...
    def give_to(self, server: Server) -> None:
        """Have a server answer with it; to be changed no more."""
