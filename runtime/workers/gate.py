"""The gate: what a model must show, step by step, before its worker serves.

file, open, signature, inputs, run, batch, parity, golden, sizes; of a version that takes
another's place also successor and recorded. A step that fails names itself, the tensor and
the remedy; what the steps found is the load report. The first worker of a version goes
through all of it, those that follow through what may differ for them.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from runtime.backends import backend_for
from runtime.backends.adapt import adapt, as_model_specs
from runtime.backends.base import Array, Backend, LoadOptions, Signature
from runtime.backends.batch_timing import best_rows
from runtime.backends.copying import Copying
from runtime.backends.load_check import (
    SAME_SIZE,
    SEED,
    prove_batch,
    refuse_not_finite,
    refuse_other_kind,
    run_whole,
    same_bits,
    time_one,
    time_sizes,
    unguessable,
)
from runtime.backends.parity import refuse_other_answers, refuse_unsteady
from runtime.backends.plan import LoadPlan
from runtime.backends.report import LoadReport, Step
from runtime.backends.sample import Warmup, make_inputs, read_warmup
from runtime.backends.warming import read_golden, sample_inputs
from runtime.errors import ConfigError, InputError, ModelError
from runtime.workers.limits import MemoryGrowth
from runtime.workers.recorded import Shape
from runtime.workers.successor import Replay, compare_signatures, usable, warm_rows

logger = logging.getLogger(__name__)

CHUNK = 1 << 20
CPU = "cpu"

Listener = Callable[[str], None]
"""Hears the name of each step as it begins."""


@dataclass
class Gate:
    """Leads one model through its steps; `open` returns it ready to serve.

    `recorded` are requests to the version whose place the model takes.
    """

    plan: LoadPlan
    on_step: Listener = lambda _: None
    recorded: Sequence[Shape] = ()
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def open(self) -> tuple[Backend, LoadReport]:
        """Load the model and prove it; an error's text begins with the step that failed."""
        memory = MemoryGrowth()
        digest, size = self._identify()
        backend = self._open()
        backend = self._narrow(backend)
        self._follow(backend.signature())
        report = LoadReport(
            batchable=False,
            warmed=False,
            max_rows=self._largest(backend.signature()),
            digest=digest,
            file_bytes=size,
        )
        warmup = self._warmup(backend.signature())
        backend, one = self._run(backend, warmup)
        if not self.plan.thorough:
            batchable = self.plan.max_batch_size > 0
            report = replace(report, batchable=batchable, warmed=one is not None)
        elif one is not None:
            report = self._prove(backend, report, one, warmup)
        else:
            self._replay(backend, 0)
        now, most = memory.measure()
        return backend, replace(
            report,
            memory_bytes=now,
            peak_bytes=most,
            notes=tuple(self.notes),
            steps=tuple(self.steps),
        )

    @contextmanager
    def _step(self, name: str) -> Iterator[list[str]]:
        """Time a step; what is appended to the list is what it found."""
        self.on_step(name)
        began = time.perf_counter()
        found: list[str] = []
        try:
            yield found
        except InputError as error:
            raise ModelError(f"{name}: {error}") from error
        except (ModelError, ConfigError) as error:
            raise type(error)(f"{name}: {error}") from error
        except Exception as error:
            # The edge to somebody's code: whatever it raises is why it does not serve.
            logger.exception("the backend raised an unexpected error")
            raise ModelError(f"{name}: {type(error).__name__}: {error}") from error
        seconds = round(time.perf_counter() - began, 6)
        self.steps.append(Step(name, seconds, "; ".join(found)))

    def _identify(self) -> tuple[str, int]:
        """Return the file's digest and size."""
        path, expected = self.plan.path, self.plan.digest
        with self._step("file") as found:
            if not path.is_file():
                raise ModelError(f"{path} is not a file; a model is one file")
            sha, size = hashlib.sha256(), 0
            try:
                with path.open("rb") as file:
                    while chunk := file.read(CHUNK):
                        sha.update(chunk)
                        size += len(chunk)
            except OSError as error:
                raise ModelError(f"{path} cannot be read: {error.strerror}") from error
            if size == 0:
                raise ModelError(f"{path} is empty; copy the model again")
            digest = sha.hexdigest()
            if expected and digest != expected:
                raise ModelError(
                    f"{path} is not the file that this version was loaded from; publish "
                    "it as a new version"
                )
            found.append(f"{size:,} bytes, sha256 {digest[:12]}")
        return digest, size

    def _open(self) -> Backend:
        """Have the backend load the file."""
        plan = self.plan
        with self._step("open") as found:
            if plan.device != CPU:
                raise ModelError(
                    f"device {plan.device!r}: models run on the CPU; set device: cpu"
                )
            backend = backend_for(plan.path, plan.backend)
            batched = plan.max_batch_size > 0
            options = LoadOptions(
                threads=plan.threads,
                cache_dir=plan.cache_dir,
                device=plan.device,
                inputs=as_model_specs(plan.inputs, batched),
                outputs=as_model_specs(plan.outputs, batched),
                decoupled=plan.decoupled,
                extra=dict(plan.options),
            )
            backend.load(plan.path, options)
            refuse_other_kind(backend.signature(), plan.decoupled)
            found.append(backend.signature().platform)
        return backend

    def _narrow(self, backend: Backend) -> Backend:
        """Put declarations over the file's own signature."""
        plan = self.plan
        with self._step("signature") as found:
            own = backend.signature()
            declared = bool(plan.inputs or plan.outputs)
            batched = declared and plan.max_batch_size > 0 and self._leaves_batch_out(own)
            if batched and not own.batchable:
                raise ModelError(
                    f"max_batch_size is {plan.max_batch_size}, but the first dimension is "
                    "not free in every input and output of the file; set max_batch_size: 0 "
                    "and declare whole shapes"
                )
            self._refuse_fewer_rows(own)
            backend = adapt(backend, plan.inputs, plan.outputs, batched)
            served = backend.signature()
            found.append(f"{len(served.inputs)} inputs, {len(served.outputs)} outputs")
        return backend

    def _follow(self, signature: Signature) -> None:
        """Compare with the version whose place it takes, and look which requests fit."""
        plan = self.plan
        if plan.successor_of is not None:
            with self._step("successor") as found:
                how = compare_signatures(plan.successor_of, signature, plan.any_signature)
                self.notes += [f"clients may notice: {text}" for text in how]
                found.append(f"{len(how)} differences" if how else "takes all requests")
        self.recorded, others = usable(self.recorded, signature)
        if others:
            self.notes.append(f"{others} recorded requests do not fit this version")

    def _refuse_fewer_rows(self, own: Signature) -> None:
        """Raise ModelError where the batches that were asked for are larger than any."""
        plan, most = self.plan, own.max_rows
        if most is not None and plan.must_batch and plan.max_batch_size > most:
            raise ModelError(
                f"max_batch_size is {plan.max_batch_size}, but the file takes {most} rows "
                f"at most; set max_batch_size: {most}"
            )

    def _largest(self, signature: Signature) -> int:
        """Return the largest batch that is asked for and that the file takes."""
        most = signature.max_rows
        asked = self.plan.max_batch_size
        return asked if most is None else min(asked, most)

    def _leaves_batch_out(self, own: Signature) -> bool:
        """Tell whether declared dims are one row's, which asking for batches says."""
        if self.plan.must_batch:
            return True
        ranks = {spec.name: len(spec.shape) for spec in (*own.inputs, *own.outputs)}
        seen = [
            (t.name, t.dims if t.reshape is None else t.reshape)
            for t in (*self.plan.inputs, *self.plan.outputs)
        ]
        return all(
            len(dims) + 1 == ranks.get(name) for name, dims in seen if dims is not None
        )

    def _warmup(self, signature: Signature) -> Warmup | None:
        """Return real inputs, where a person gave some: the file's, or a sample's."""
        plan = self.plan
        with self._step("inputs") as found:
            if plan.warmup is not None:
                found.append(f"of {plan.warmup.name}")
                return read_warmup(plan.warmup, signature)
            if plan.golden is not None:
                found.append(f"of {plan.golden.name}")
                return read_golden(plan.golden, signature)[0]
            if plan.samples:
                found.append(f"of warm-up {plan.samples[0].name}")
                return sample_inputs(plan.samples[0], signature, SEED)
            real = warm_rows(self.recorded, signature) if unguessable(signature) else None
            found.append("made" if real is None else "of recorded requests")
        return real

    def _run(
        self, backend: Backend, warmup: Warmup | None
    ) -> tuple[Backend, dict[str, Array] | None]:
        """Run one row; returns the backend, and the row or None if none could be made."""
        signature = backend.signature()
        with self._step("run") as found:
            rows = 1 if signature.batchable else None
            one = make_inputs(signature, rows, SEED, warmup)
            if one is None:
                self.notes.append(
                    "unwarmed and without batching: free dimensions of "
                    f"{unguessable(signature)} cannot be guessed; give real inputs with "
                    "--warmup FILE.npz"
                )
                return backend, None
            given = {name: values.copy() for name, values in one.items()}
            responses, is_whole = run_whole(backend, given)
            for response in responses:
                refuse_not_finite(signature, response)
            if signature.decoupled:
                which = "" if is_whole else "the first "
                found.append(f"{which}{len(responses)} responses")
            written = [name for name in one if not same_bits(one[name], given[name])]
            if written:
                self.notes.append(f"the model writes to its input {written[0]!r}, a copy")
                backend = Copying(backend)
            found.append("one row, finite")
            for sample in self.plan.samples:
                arrays = sample_inputs(sample, signature, SEED)
                for _ in range(sample.count):
                    run_whole(backend, arrays)
                found.append(f"warm-up {sample.name} x {sample.count}")
        return backend, one

    def _prove(
        self,
        backend: Backend,
        report: LoadReport,
        one: dict[str, Array],
        warmup: Warmup | None,
    ) -> LoadReport:
        """Go through the steps that only a version's first worker takes."""
        signature, plan = backend.signature(), self.plan
        allowed = {**SAME_SIZE, **plan.tolerances}
        batchable = self._prove_batch(backend, warmup, allowed)
        with self._step("parity") as found:
            refuse_unsteady(backend, one, allowed)
            found.append("two runs agree, every value is written")
        if plan.golden is not None:
            with self._step("golden") as found:
                inputs, expected = read_golden(plan.golden, signature)
                refuse_other_answers(backend, inputs, expected, plan.tolerances)
                outputs = sum(map(len, expected))
                found.append(f"{outputs} outputs as in {plan.golden.name}")
        largest = self._largest(signature)
        self._replay(backend, largest if batchable else 0)
        with self._step("sizes") as found:
            warmup = warmup or warm_rows(self.recorded, signature)
            times = time_sizes(backend, largest if batchable else 1, warmup)
            found.append(", ".join(f"{n}: {us:.0f} us" for n, us in times.items()))
        row_bytes = sum(values.nbytes for values in one.values())
        wanted = batchable and plan.measured and not plan.decoupled
        return replace(
            report,
            batchable=batchable,
            warmed=True,
            run_us=time_one(backend, one),
            best_rows=best_rows(times, row_bytes, largest) if wanted else 0,
            times_us=tuple(times.items()),
        )

    def _replay(self, backend: Backend, largest: int) -> None:
        """Run what was recorded of the version before."""
        if self.recorded:
            with self._step("recorded") as found:
                replay = Replay(backend, largest, self.plan.any_signature)
                found.append(replay.run(self.recorded))
                self.notes += replay.notes
                if replay.notes:
                    self.recorded = ()  # Nothing to warm it with.
        elif self.plan.successor_of is not None:
            self.notes.append("no requests to the version before it were recorded")

    def _prove_batch(
        self, backend: Backend, warmup: Warmup | None, allowed: Mapping[str, float]
    ) -> bool:
        """Tell whether rows may be joined; raises ModelError where they have to be."""
        plan = self.plan
        if plan.max_batch_size == 0:
            return False
        if plan.decoupled and backend.signature().batchable:
            return True  # Requests have rows, but nobody's are joined with another's.
        with self._step("batch") as found:
            reason = (
                prove_batch(backend, warmup, allowed)
                if backend.signature().batchable
                else "the first dimension is not free in every input and output"
            )
            if reason and plan.must_batch:
                raise ModelError(f"rows may not be joined: {reason}; set max_batch_size: 0")
            if reason:
                self.notes.append(f"no batching: {reason}")
            found.append(reason or "a row's answer does not depend on its batch")
        return not reason
