"""Figures that were not measured here: Triton with its C++ ONNX Runtime backend.

No wheel has that backend, and it is the fastest peer, so its figures are quoted. They were
measured once on another machine of two x86-64 processors, with another client, and do not
enter any ratio.
"""

from __future__ import annotations

from benchmarks.peers.rows import Cell, ServerRow

PEER = "triton-onnx"
SOURCE = (
    "Triton 24.10 with its C++ ONNX Runtime backend on another machine of 2 x86-64 cores: "
    "server on one, h2load with up to 8 connections on the other, median of 3; batching "
    "up to 64 rows except for big; memory is peak RSS; not reproduced here"
)

RATES = {
    "mlp": (21_000.0, 33_000.0, 30.0),
    "mid": (207.0, 207.0, 4_800.0),
    "wide": (3_429.0, 3_429.0, 290.0),
    "big": (2_134.0, 2_134.0, 460.0),
}
"""Lowest and highest requests/s with 64 in flight, and microseconds of processor time.

Processor time of mlp is the best of what was measured, 30 to 35.
"""

START_S, RSS_MIB, INSTALL_MIB = 0.5, 415.0, 391.0


def quoted_cells(models: list[str]) -> list[Cell]:
    """Return the quoted cells of these models.

    Examples
    --------
    >>> [cell.requests_per_s for cell in quoted_cells(["mlp", "mid"])]
    [None, 207.0]
    """
    cells = []
    for model in models:
        low, high, cpu_us = RATES[model]
        rate = low if low == high else None
        cells.append(
            Cell(
                PEER,
                model,
                "packed",
                64,
                rate,
                low,
                high,
                cpu_us=cpu_us,
                repeats=3,
                kind="quoted",
                source=SOURCE,
            )
        )
    return cells


def quoted_servers() -> list[ServerRow]:
    """Return what is known of the server whatever its model."""
    return [ServerRow(PEER, "", START_S, RSS_MIB, INSTALL_MIB, "quoted", SOURCE)]
