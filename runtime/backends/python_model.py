"""Runs a person's own class from a Python file.

    class Model:
        def load(self, context): ...            # optional
        def predict(self, batch): ...           # {name: array} -> {name: array}
        def close(self): ...                    # optional

A decoupled model's predict yields: each `{name: array}` is one response, and returning ends
them. It may also return an iterator. When nobody waits any more the generator is closed:
it sees GeneratorExit where it yielded.

`load` is given a `Context`. `predict` is given arrays on the batch's own memory; they are
read-only, and one that the class keeps stays as it was. BF16 tensors are uint16 arrays (the
bits), BYTES tensors object arrays of `bytes`. Raise `runtime.errors.InputError` for a
request that is the client's to mend.
"""

from __future__ import annotations

import inspect
import itertools
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from runtime.backends.archive import read_once
from runtime.backends.base import (
    Inputs,
    LoadOptions,
    Outputs,
    Responses,
    Signature,
    TensorSpec,
)
from runtime.backends.options import OFF, ON, choice, refuse_device
from runtime.backends.python_values import UNSHARED, as_output, lent, references
from runtime.backends.torch_names import may_batch, refuse_undeclared
from runtime.errors import InputError, ModelError

logger = logging.getLogger(__name__)

PLATFORM = "python"
CLASS, COPY, ALLOWED = "class", "copy_inputs", "allowed_modules"
OURS = (CLASS, COPY, ALLOWED)
"""Options that are not the class's own."""

DEFAULT_CLASS, PREDICT = "Model", "predict"
MOST_SOURCE_BYTES = 16 << 20
END = object()
Result = TypeVar("Result")
NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Context:
    """What a class may know when it loads.

    `folder` is the version's, `model_folder` the one above it. `inputs` and `outputs` are
    as declared, with the batch dimension. `options` are those that are not the backend's.
    """

    folder: Path
    model_folder: Path
    device: str
    threads: int
    options: Mapping[str, str]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class PythonBackend:
    """One object of a person's class; see `runtime.backends.base.Backend`.

    `LoadOptions.extra` knows ``class`` (default ``Model``); other options are the class's.
    """

    def __init__(self) -> None:
        self._model: Any = None
        self._module: ModuleType | None = None

    def load(self, path: Path, options: LoadOptions) -> None:
        """Run the file, make the object and have it load. Raises ModelError."""
        refuse_device(options)
        source = read_once(path, MOST_SOURCE_BYTES)
        try:
            refuse_undeclared("a Python class", options)
            self._copies = choice(options, COPY, (OFF, ON)) == ON
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error
        self._path, self._outputs = path, {spec.name: spec for spec in options.outputs}
        self._inputs = [spec.name for spec in options.inputs]
        self._signature = Signature(
            PLATFORM,
            options.inputs,
            options.outputs,
            may_batch(options.inputs, options.outputs),
            decoupled=options.decoupled,
        )
        try:
            self._start(source, options)
        except BaseException:
            self._forget()
            raise

    def signature(self) -> Signature:
        """Return the signature as declared."""
        return self._signature

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Run one batch and fill every output. Raises ModelError when the class fails."""
        given = {name: lent(inputs.fresh(name)) for name in inputs}
        if self._copies:
            given = {name: array.copy() for name, array in given.items()}
        held: list[Any] = [*given.values(), given]
        del given
        try:
            if self._signature.decoupled:
                self._respond(held, cast(Responses, outputs))
            else:
                self._predict(held, outputs)
        finally:
            if still_has(held):
                inputs.detach()

    def close(self) -> None:
        """Let the object close what it opened; nothing may be called afterwards."""
        close = getattr(self._model, "close", None)
        if close is not None:
            try:
                close()
            except Exception:
                # The edge of the user's code; the worker ends all the same.
                logger.exception("%s: close failed", self._path)
        self._forget()

    def _start(self, source: bytes, options: LoadOptions) -> None:
        name = options.extra.get(CLASS, DEFAULT_CLASS)
        self._module = self._call("import", lambda: run_file(self._path, source))
        made = getattr(self._module, name, None)
        if not isinstance(made, type) or not callable(getattr(made, PREDICT, None)):
            raise ModelError(
                f"{self._path} has no class {name!r} with a method predict; write one, or "
                f"name another with option {CLASS}"
            )
        if inspect.isgeneratorfunction(getattr(made, PREDICT)) and not options.decoupled:
            raise ModelError(
                f"{self._path}: predict yields, and only a decoupled model may; write "
                "decoupled: true into leeboard.yaml, or return one dict"
            )
        self._model = self._call(f"{name}()", made)
        own = {key: text for key, text in options.extra.items() if key not in OURS}
        folder = self._path.resolve().parent
        context = Context(
            folder,
            folder.parent,
            options.device,
            options.threads,
            own,
            options.inputs,
            options.outputs,
        )
        load = getattr(self._model, "load", None)
        if load is not None:
            self._call("load", lambda: load(context))

    def _predict(self, held: list[Any], outputs: Outputs) -> None:
        """Call the class and write what it gives; keeps no reference to its arrays."""
        answer = self._call("predict", lambda: self._model.predict(held[-1]))
        try:
            self._write(answer, outputs)
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)
            raise
        finally:
            del answer  # As other frames of an error would keep what it is made of.

    def _respond(self, held: list[Any], outputs: Responses) -> None:
        """Call the class and give each response; keeps no reference to its arrays."""
        answers = self._call("predict", lambda: self._model.predict(held[-1]))
        if not isinstance(answers, Iterator):
            raise ModelError(
                f"{self._path.name}: predict returned a {type(answers).__name__}; a "
                "decoupled model's must yield dicts, or return an iterator of them"
            )
        try:
            while self._give_next(answers, outputs):
                pass
        finally:
            self._close(answers)
            del answers

    def _give_next(self, answers: Iterator[object], outputs: Responses) -> bool:
        """Give one response; False when there is none, or nobody wants another."""
        answer = self._call("predict", lambda: next(answers, END))
        try:
            if answer is END or not outputs.ready():
                return False
            self._write(answer, outputs)
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)
            raise
        finally:
            del answer
        return outputs.send()

    def _close(self, answers: Iterator[object]) -> None:
        """Let a generator that has more to give know that nobody wants it."""
        close = getattr(answers, "close", None)
        if close is not None:
            try:
                close()
            except (Exception, SystemExit) as error:
                # The edge of the user's code; the responses were given.
                logger.exception("%s: predict failed when it was closed", self._path)
                traceback.clear_frames(error.__traceback__)

    def _write(self, answer: object, outputs: Outputs) -> None:
        if not isinstance(answer, Mapping):
            does = "yield" if self._signature.decoupled else "return"
            raise ModelError(
                f"{self._path.name}: predict {does}ed a {type(answer).__name__}; it must "
                f"{does} a dict of arrays by output name"
            )
        wrong = set(answer) ^ set(self._outputs)
        if wrong:
            name = min(map(str, wrong))
            how = "is not declared" if name in answer else "is missing"
            raise ModelError(f"{self._path.name}: output {name!r} of predict {how}")
        for name, spec in self._outputs.items():
            outputs.write(name, as_output(spec, answer[name]))

    def _call(self, what: str, call: Callable[[], Result]) -> Result:
        """Call the user's code; what it raises becomes a ModelError that says where."""
        try:
            return call()
        except (MemoryError, InputError) as error:
            traceback.clear_frames(error.__traceback__)  # They hold the batch's arrays.
            raise
        except (Exception, SystemExit) as error:
            # The edge of the user's code: whatever it raises is the model's failure.
            logger.warning("%s: %s failed", self._path, what, exc_info=True)
            reason = f"{self._path}{place_in(self._path, error)}: {what} failed: "
            reason += f"{type(error).__name__}: {error}"
            traceback.clear_frames(error.__traceback__)
        raise ModelError(reason)

    def _forget(self) -> None:
        """Take the file's module out of the interpreter."""
        self._model = None
        if self._module is not None:
            sys.modules.pop(self._module.__name__, None)
            self._module = None
            with suppress(ValueError):
                sys.path.remove(str(self._path.resolve().parent))


def run_file(path: Path, source: bytes) -> ModuleType:
    """Run a file as a module under a name of its own; its folder comes first on the path.

    No byte code is written: the folder is the model's, not Python's.
    """
    module = ModuleType(f"leeboard_model_{next(NUMBERS)}")
    module.__file__ = str(path)
    code = compile(source, str(path), "exec", dont_inherit=True)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[module.__name__] = module
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        exec(code, vars(module))
    except BaseException:
        sys.modules.pop(module.__name__, None)
        sys.path.remove(str(path.resolve().parent))
        raise
    finally:
        sys.dont_write_bytecode = writes
    return module


def place_in(path: Path, error: BaseException) -> str:
    """Return ``:line`` of the last place in a file that an error left, or nothing."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f":{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


def still_has(held: list[Any]) -> bool:
    """Whether anybody still has a batch's arrays, or the dict of them that comes last."""
    if references(held)[-1] > UNSHARED:
        return True
    held.pop().clear()
    return any(count > UNSHARED for count in references(held))
