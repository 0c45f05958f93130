"""Checks that any backend keeps the contract of `runtime.backends.base`.

    check_backend(MyBackend, Path("model.mine"))

runs everything and raises ConformanceError with a sentence for the first broken promise.
To see each promise as a test of its own, parametrize over `CHECKS`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from runtime.backends.base import FREE, Array, Backend, LoadOptions
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.backends.load_check import why_not_batchable
from runtime.backends.memory import MemoryInputs, MemoryOutputs, MemoryResponses, Shelf
from runtime.backends.sample import Warmup
from runtime.errors import ModelError
from runtime.testing.asking import (
    Case,
    ConformanceError,
    answer,
    by_response,
    demand,
    demand_equal,
    sample,
    sizes,
)

__all__ = ["CHECKS", "Case", "ConformanceError", "check_backend"]

AT_ONCE = 20
"""Batches that each of two threads runs."""


def check_signature(case: Case) -> None:
    """The signature names each tensor once, with a KServe datatype and a sane shape."""
    signature = case.load().signature()
    for specs in (signature.inputs, signature.outputs):
        names = [spec.name for spec in specs]
        demand(len(set(names)) == len(names), f"tensor names repeat: {names}")
        for spec in specs:
            demand(spec.datatype in NUMPY_TYPES, f"{spec.name} is {spec.datatype}")
            demand(all(d >= FREE for d in spec.shape), f"{spec.name} is {spec.shape}")
            first_is_free = spec.shape[:1] == (FREE,)
            demand(
                first_is_free or not signature.batchable, f"{spec.name} has no batch dim"
            )
    demand(bool(signature.outputs), "the model has no output")


def check_outputs(case: Case) -> None:
    """Each output is filled exactly once, as declared, with the batch's rows."""
    backend = case.load()
    for rows in sizes(backend):
        answer(backend, sample(backend, case, rows), rows)


def check_every_value_is_written(case: Case) -> None:
    """Two runs into differently poisoned memory give the same values."""
    backend = case.load()
    arrays = sample(backend, case, 3)
    demand_equal(
        answer(backend, arrays, 3),
        answer(backend, arrays, 3, poison=0),
        "an answer depends on what its memory held before",
    )


def check_rows_stand_alone(case: Case) -> None:
    """A row's answer does not depend on its batch."""
    backend = case.load()
    signature = backend.signature()
    if signature.batchable and not signature.decoupled:
        reason = why_not_batchable(backend, sample(backend, case, 6))
        demand(not reason, reason)


def check_reused_memory(case: Case) -> None:
    """New values in memory seen before are read, and its answers are right."""
    backend = case.load()
    arrays = sample(backend, case, 2)
    shelf: Shelf = {}
    for seed in (0, 1, 2, 3):
        for name, values in sample(backend, case, 2, seed).items():
            arrays[name][...] = values
        reused = answer(backend, arrays, 2, shelf)
        demand_equal(
            reused, answer(backend, arrays, 2), "reused memory gave another answer"
        )


def check_changing_sizes(case: Case) -> None:
    """Batches of changing size in memory seen before stay right."""
    backend = case.load()
    seen = {rows: sample(backend, case, rows) for rows in sizes(backend)}
    shelves: dict[int, Shelf] = {rows: {} for rows in seen}
    for _ in range(3):
        for rows, arrays in seen.items():
            kept = answer(backend, arrays, rows, shelves[rows])
            demand_equal(kept, answer(backend, arrays, rows), f"{rows} rows went wrong")


def check_inputs_are_left_alone(case: Case) -> None:
    """Inputs are read-only, and hold the same values after a run."""
    backend = case.load()
    arrays = sample(backend, case, 3)
    before = {name: values.copy() for name, values in arrays.items()}
    for values in arrays.values():
        values.setflags(write=False)
    answer(backend, arrays, 3)
    demand_equal(before, arrays, "a run changed its inputs")


def check_scattered_inputs(case: Case) -> None:
    """Inputs need not lie in one piece."""
    backend = case.load()
    arrays = sample(backend, case, 2)
    apart = {
        name: np.repeat(v, 2, axis=-1)[..., ::2] if v.ndim else v
        for name, v in arrays.items()
    }
    demand_equal(
        answer(backend, arrays, 2), answer(backend, apart, 2), "scattered inputs differ"
    )


def check_refuses(case: Case, content: bytes | None) -> None:
    """Raise unless loading a file of this content (None: no file) raises ModelError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"broken{case.path.suffix}")
        if content is not None:
            path.write_bytes(content)
        backend = case.make_backend()
        try:
            backend.load(path, case.options)
        except ModelError as error:
            demand(path.name in str(error), f"the refusal does not name the file: {error}")
            backend.close()
            return
    raise ConformanceError("a broken file was loaded")


def check_rows_beyond(case: Case) -> None:
    """What lies behind a batch's rows in its memory does not matter."""
    backend = case.load()
    if not backend.signature().batchable:
        return
    arrays, other = sample(backend, case, 2), sample(backend, case, 7, 5)
    for name, values in arrays.items():
        other[name][:2] = values
    begun = {name: values[:2] for name, values in other.items()}
    demand_equal(
        answer(backend, arrays, 2), answer(backend, begun, 2), "rows behind a batch count"
    )


def check_answers_stay(case: Case) -> None:
    """Answers and later batches do not depend on input memory that was used again."""
    backend = case.load()
    arrays = sample(backend, case, 2)
    lent = {name: values.copy() for name, values in arrays.items()}
    if not backend.signature().decoupled:
        outputs = MemoryOutputs(backend.signature())
        rows = 2 if backend.signature().batchable else 1
        backend.run(MemoryInputs(lent, rows), outputs)
        came = outputs.finish()
    else:
        came = answer(backend, lent, 2)
    before = {name: values.copy() for name, values in came.items()}
    for values in lent.values():
        values[...] = np.zeros_like(values)
    demand_equal(before, came, "an answer changed with its inputs' memory")
    demand_equal(before, answer(backend, arrays, 2), "a batch changed the next answer")


def check_unwanted_responses(case: Case) -> None:
    """A decoupled model ends when nobody wants another response, and then serves on."""
    backend = case.load()
    if not backend.signature().decoupled:
        return
    arrays = sample(backend, case, 2)
    whole = answer(backend, arrays, 2)
    for most in (0, 1, 2):
        outputs = MemoryResponses(backend.signature(), most=most)
        rows = 2 if backend.signature().batchable else 1
        backend.run(MemoryInputs(arrays, rows), outputs)
        came = by_response(outputs)
        demand(len(outputs.responses) <= most, f"more than the {most} responses wanted")
        demand_equal(came, whole, "a response depends on how many follow", part=True)
    demand_equal(whole, answer(backend, arrays, 2), "an end changed the next answer")


def check_two_at_once(case: Case) -> None:
    """Two backends of one model serve in two threads; one may be closed meanwhile."""
    backend = case.load()
    seeds = range(AT_ONCE)
    batches = [sample(backend, case, 2, seed) for seed in seeds]
    wanted = [answer(backend, arrays, 2) for arrays in batches]

    def serve() -> list[dict[str, Array]]:
        mine = case.load()
        answers = [answer(mine, arrays, 2) for arrays in batches]
        mine.close()
        return answers

    with ThreadPoolExecutor(2) as threads:
        for serving in [threads.submit(serve) for _ in range(4)]:
            for came, right in zip(serving.result(), wanted, strict=True):
                demand_equal(right, came, "an answer differs beside another thread")
    demand_equal(
        wanted[0], answer(backend, batches[0], 2), "closing one backend broke another"
    )


def check_missing_file(case: Case) -> None:
    """No file: ModelError."""
    check_refuses(case, None)


def check_empty_file(case: Case) -> None:
    """A file of no bytes: ModelError."""
    check_refuses(case, b"")


def check_foreign_file(case: Case) -> None:
    """A file of another format: ModelError."""
    check_refuses(case, b"\x89 this is not a model \x00\xff" * 50)


def check_cut_file(case: Case) -> None:
    """A file cut in half: ModelError."""
    content = case.path.read_bytes()
    check_refuses(case, content[: len(content) // 2])


def check_close(case: Case) -> None:
    """A closed backend's answers remain, and another can load the model."""
    backend = case.load()
    arrays = sample(backend, case, 2)
    before = answer(backend, arrays, 2)
    backend.close()
    after = case.load()
    demand_equal(before, answer(after, arrays, 2), "a second load answers differently")
    after.close()


CHECKS: dict[str, Callable[[Case], None]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_signature,
        check_outputs,
        check_every_value_is_written,
        check_rows_stand_alone,
        check_reused_memory,
        check_changing_sizes,
        check_inputs_are_left_alone,
        check_scattered_inputs,
        check_rows_beyond,
        check_answers_stay,
        check_unwanted_responses,
        check_two_at_once,
        check_missing_file,
        check_empty_file,
        check_foreign_file,
        check_cut_file,
        check_close,
    )
}


def check_backend(
    make_backend: Callable[[], Backend],
    path: Path,
    options: LoadOptions | None = None,
    warmup: Warmup | None = None,
) -> None:
    """Run every check on one backend with one good model file."""
    case = Case(make_backend, path, options or LoadOptions(), warmup)
    for check in CHECKS.values():
        check(case)
