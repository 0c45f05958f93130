"""Whether a model answers the same twice, and as it should.

Compared are whole answers, row by row, with a tolerance by datatype; of a decoupled model
the first responses, one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isinf

import numpy as np

from runtime.backends.base import Array, Backend
from runtime.backends.load_check import Tolerances, as_rows, difference, run_whole
from runtime.backends.memory import POISON
from runtime.errors import ModelError

OTHER_POISON = 0x5A

GOLDEN = {"FP64": 1e-7, "FP32": 1e-4, "FP16": 1e-2, "BF16": 2e-2}
"""How far an answer may be from a golden one, as in `load_check.SAME_SIZE`: golden answers
come from another machine, with other kernels."""


Whole = tuple[Sequence[Mapping[str, Array]], bool]
"""The first responses to one request, and whether they are all."""


def how_answers_differ(
    backend: Backend, before: Whole, after: Whole, allowed: Tolerances
) -> str:
    """Say which output of `before` differs and how; empty when none does.

    How many responses there are matters where all of them are known, and no tolerance says
    that the model is random.
    """
    (old, is_whole), (new, ended) = before, after
    too_few = ended and len(new) < len(old)
    too_many = is_whole and len(new) > len(old)
    if (too_few or too_many) and not any(map(isinf, allowed.values())):
        return f"{len(new)} responses instead of {len(old)}"
    for place, (one, other) in enumerate(zip(old, new, strict=False)):
        if how := how_responses_differ(backend, one, other, allowed):
            return f"{how} in response {place}" if backend.signature().decoupled else how
    return ""


def how_responses_differ(
    backend: Backend,
    before: Mapping[str, Array],
    after: Mapping[str, Array],
    allowed: Tolerances,
) -> str:
    """Say which output of `before` differs and how; empty when none does."""
    for spec in backend.signature().outputs:
        if spec.name not in before or isinf(allowed.get(spec.datatype, 0.0)):
            continue
        old, new = before[spec.name], after[spec.name]
        if old.shape != new.shape:
            return f"output {spec.name!r} has shape {new.shape} instead of {old.shape}"
        if np.array_equal(old, new):
            continue  # There may be very many rows.
        old, new = as_rows(old), as_rows(new)
        for row in range(len(old)):
            part = slice(row, row + 1)  # One row of BYTES alone would be no array.
            if how := difference(spec, old[part], new[part], allowed):
                return f"row {row} of output {spec.name!r} has {how}"
    return ""


def refuse_unsteady(
    backend: Backend, arrays: Mapping[str, Array], allowed: Tolerances
) -> None:
    """Raise ModelError when equal inputs get different answers.

    The memory of the two answers held different bytes before, so a value that the model
    does not write is seen; a third run tells that from chance.
    """
    first = run_whole(backend, arrays, POISON)
    how = how_answers_differ(
        backend, first, run_whole(backend, arrays, OTHER_POISON), allowed
    )
    if not how:
        return
    again = run_whole(backend, arrays, POISON)
    if not how_answers_differ(backend, first, again, allowed):
        raise ModelError(f"{how}: the model leaves a part of it unwritten; fill it")
    raise ModelError(
        f"{how} when the same input is run again: a model must not remember its requests; "
        "if it is random on purpose, say so with a tolerance of .inf for the datatype"
    )


def refuse_other_answers(
    backend: Backend,
    inputs: Mapping[str, Array],
    expected: Sequence[Mapping[str, Array]],
    tolerances: Tolerances,
) -> None:
    """Raise ModelError when a model's answer is not the golden one.

    A decoupled model may give more responses than are `expected`.
    """
    allowed = {**GOLDEN, **tolerances}
    answer = run_whole(backend, inputs)
    how = how_answers_differ(backend, (expected, False), answer, allowed)
    if how:
        raise ModelError(
            f"{how}, measured against the golden answer; check the file, or allow more "
            "with tolerance"
        )
