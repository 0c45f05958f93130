"""Numbers as a tensor's type can hold them: limits must be met by what clients send.

A client that rounds 0.7 to 32 bits sends less than 0.7. Rounding keeps the order of values,
so a limit that is rounded in the same way has the same values on its sides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def narrowed(values: Floats, datatype: str) -> Floats:
    """Return values rounded to a datatype of KServe; what it cannot hold stays.

    Examples
    --------
    >>> [float(narrowed(np.array([0.7]), name)[0]) for name in ("FP16", "BF16", "FP64")]
    [0.7001953125, 0.69921875, 0.7]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if datatype == "FP32":
            rounded = values.astype(np.float32).astype(np.float64)
        elif datatype == "FP16":
            rounded = values.astype(np.float16).astype(np.float64)
        elif datatype == "BF16":
            rounded = _bfloat16(values)
        else:
            return values
    return np.where(np.isfinite(rounded), rounded, values)


def _bfloat16(values: Floats) -> Floats:
    """Round to the upper half of a 32-bit float, to even where both are as near."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = bits + 0x7FFF + ((bits >> 16) & 1)
    halves = ((bits >> 16) << 16).astype(np.uint32)
    return halves.view(np.float32).astype(np.float64)
