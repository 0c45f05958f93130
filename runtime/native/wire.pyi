from typing import Any

from runtime.errors import ProtocolError

class RefusedMessage(ProtocolError):
    code: str
    def __init__(self, message: str, code: str) -> None: ...

def parse_request(data: bytes, *, head: bool = ...) -> dict[str, Any]: ...
def find_large_raw(
    received: bytes, start: int, min_size: int
) -> tuple[str, int, int, int, int]: ...
def check_raw_bytes(name: bytes, raw: bytes, elements: int) -> None: ...
def raw_bytes_prefix(raw: bytes, count: int) -> int: ...
def build_response(
    model_name: bytes,
    model_version: bytes,
    request_id: bytes,
    outputs: list[tuple[bytes, bytes, list[int], bytes]],
) -> tuple[bytes, int]: ...
