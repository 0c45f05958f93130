r"""Which requests are journalled: a share of them, chosen by their id alone.

The 64-bit xxHash [1]_ of the request id's UTF-8 bytes, seed 0, without its lowest 11 bits
is a number below $2^{53}$; scaled to $[0, 1)$ it is compared with the share. Every process
and every sender of labels comes to the same choice, and a larger share contains a smaller.

References
----------
.. [1] xxHash fast digest algorithm, specification 0.1.1, github.com/Cyan4973/xxHash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

MASK = 0xFFFF_FFFF_FFFF_FFFF
P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
STRIPE = 32
UNUSED_BITS, USED = 11, float(1 << 53)


def rotated(value: int, bits: int) -> int:
    """Return 64 bits turned left."""
    return ((value << bits) | (value >> (64 - bits))) & MASK


def rounded(lane: int, word: int) -> int:
    """Return a lane that has taken a word in."""
    return rotated((lane + word * P2) & MASK, 31) * P1 & MASK


def words(content: bytes, size: int) -> Iterator[int]:
    """Yield whole little-endian words of a number of bytes; a rest is left out."""
    for at in range(0, len(content) - size + 1, size):
        yield int.from_bytes(content[at : at + size], "little")


def stripes(content: bytes, seed: int) -> int:
    """Return what the stripes of 32 bytes make of the seed."""
    lanes = [seed + P1 + P2, seed + P2, seed, seed - P1]
    lanes = [lane & MASK for lane in lanes]
    for at, word in enumerate(words(content, 8)):
        lanes[at % 4] = rounded(lanes[at % 4], word)
    turns = zip(lanes, (1, 7, 12, 18), strict=True)
    value = sum(rotated(lane, bits) for lane, bits in turns) & MASK
    for lane in lanes:
        value = ((value ^ rounded(0, lane)) * P1 + P4) & MASK
    return value


def hash64(content: bytes, seed: int = 0) -> int:
    """Return the 64-bit xxHash of bytes.

    Examples
    --------
    >>> hex(hash64(b"a"))
    '0xd24ec4f1a98c6e5b'
    """
    whole = len(content) // STRIPE * STRIPE
    value = stripes(content[:whole], seed) if whole else (seed + P5) & MASK
    value = (value + len(content)) & MASK
    rest = content[whole:]
    for word in words(rest, 8):
        value = (rotated(value ^ rounded(0, word), 27) * P1 + P4) & MASK
    rest = rest[len(rest) // 8 * 8 :]
    for word in words(rest, 4):
        value = (rotated(value ^ (word * P1 & MASK), 23) * P2 + P3) & MASK
    for byte in rest[len(rest) // 4 * 4 :]:
        value = rotated(value ^ (byte * P5 & MASK), 11) * P1 & MASK
    value = (value ^ (value >> 33)) * P2 & MASK
    value = (value ^ (value >> 29)) * P3 & MASK
    return value ^ (value >> 32)


def place_of(request_id: str) -> float:
    """Return where in [0, 1) a request id lies."""
    content = request_id.encode("utf-8", "surrogatepass")
    return (hash64(content) >> UNUSED_BITS) / USED


def is_sampled(request_id: str, share: float) -> bool:
    """Say whether the predictions of a request are journalled where a share of them is.

    Examples
    --------
    >>> is_sampled("request-7", 1.0), is_sampled("request-7", 0.1)
    (True, False)
    """
    return place_of(request_id) < share


def sampled(request_ids: Iterable[str], share: float) -> npt.NDArray[np.bool_]:
    """Return for each request id whether it is journalled."""
    places = np.fromiter((place_of(each) for each in request_ids), np.float64)
    return np.less(places, share)
