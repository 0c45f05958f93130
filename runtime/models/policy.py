"""Decisions about versions, as pure functions."""

from __future__ import annotations

from runtime.backends.report import LoadReport

DEFAULT_BATCH = 64
"""Rows of a batch where a model does not say and nobody chose."""

FIRST_PAUSE_S = 0.1
MOST_TRIES = 6
LONGEST_PAUSE_S = 30.0
SETTLED_S = 1.0
"""A worker that has served for so long has shown that it can."""

CRASH_LOOP = 3
"""Ends in a row, none of them a guilty request's doing, that are called a crash loop."""


def requested_batch(chosen: int | None) -> int:
    """Return the batch size that the load check should prove."""
    return DEFAULT_BATCH if chosen is None else chosen


def batch_size(chosen: int | None, report: LoadReport) -> int:
    """Return the batch size to serve with: 0 unless the gate proved batching."""
    if not report.batchable:
        return 0
    return min(requested_batch(chosen), report.max_rows or requested_batch(chosen))


def close_rows(chosen: int | None, report: LoadReport, preferred: int | None = None) -> int:
    """Return the rows at which a batch is closed: the measured best, or a person's choice.

    `preferred` is that choice where it is not the batch size. A request may have more rows
    than that, up to the batch size; it then runs alone.
    """
    size = batch_size(chosen, report)
    if preferred:
        return min(preferred, size)
    measured = chosen is None and report.best_rows > 0
    return min(report.best_rows, size) if measured else size


def gives_up(failures: int, refused: bool) -> bool:
    """Tell whether a version without workers is unavailable rather than being restarted.

    A model that was `refused` by its worker will be refused again; a worker that died on
    the way may have met anything, and is given a few tries.
    """
    return refused or failures >= MOST_TRIES


def is_crash_loop(failures: int) -> bool:
    """Tell whether a worker's ends are no accident any more: people should look."""
    return failures >= CRASH_LOOP


def proved_itself(served_s: float, batches: int, alone: bool) -> bool:
    """Tell whether a worker that has ended showed before that it can serve.

    `batches` are those that its version finished meanwhile: its own only if it was `alone`.
    """
    return served_s > SETTLED_S or (alone and batches > 0)


def restart_pause_s(failures: int) -> float:
    """Return how long to wait before a worker is started again.

    `failures` counts the deaths and failed starts since a worker last served; the first
    restart comes at once, then the pause doubles up to half a minute.
    """
    if failures <= 1:
        return 0.0
    return min(FIRST_PAUSE_S * 2.0 ** min(failures - 2, 20), LONGEST_PAUSE_S)
