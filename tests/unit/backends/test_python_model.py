"""A person's class: what it is given, what it may give, and what is said when it fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.base import FREE, Array, LoadOptions, TensorSpec
from runtime.backends.memory import MemoryOutputs
from runtime.backends.python_model import PythonBackend
from runtime.errors import InputError, ModelError
from runtime.testing.torch_models import PYTHON_SCALE, save_python

PREDICTS = """
import numpy as np
from runtime.errors import InputError

class Model:
    kept = []

    def predict(self, batch):
        {body}
"""
OTHER = 7.0


class LentInputs:
    """One batch on memory that is used again as soon as `run` has returned."""

    def __init__(self, **arrays: Array) -> None:
        self._memory = arrays
        self.rows = next(iter(arrays.values())).shape[0]
        self.key = None
        self.detached = False

    def __getitem__(self, name: str) -> Array:
        return self._memory[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._memory)

    def fresh(self, name: str) -> Array:
        return self._memory[name].view()

    def detach(self) -> None:
        self.detached = True

    def use_again(self) -> None:
        """Overwrite the memory, unless the backend had it made private."""
        if not self.detached:
            for values in self._memory.values():
                values[...] = OTHER


def declared(datatype: str = "FP32", **extra: str) -> LoadOptions:
    """Declare x and y, rows of two."""
    x, y = (TensorSpec(name, datatype, (FREE, 2)) for name in "xy")
    return LoadOptions(inputs=(x,), outputs=(y,), extra=extra)


def loaded(path: Path, source: str, options: LoadOptions | None = None) -> PythonBackend:
    """Return a backend with a class."""
    backend = PythonBackend()
    backend.load(save_python(path / "model.py", source), options or declared())
    return backend


def predicting(path: Path, body: str, options: LoadOptions | None = None) -> PythonBackend:
    """Return a backend with a class whose method predict has this body."""
    return loaded(path, PREDICTS.format(body=body), options)


def ask(backend: PythonBackend, inputs: LentInputs) -> Array:
    """Run a batch and return y."""
    outputs = MemoryOutputs(backend.signature(), inputs.rows)
    backend.run(inputs, outputs)
    inputs.use_again()
    return outputs.finish()["y"]


def batch() -> LentInputs:
    """Return a batch of two rows of ones."""
    return LentInputs(x=np.ones((2, 2), np.float32))


@pytest.mark.parametrize(
    "keep",
    [
        "self.kept.append(batch['x'])",
        "self.kept.append(batch['x'][:1])",
        "self.kept.append(batch['x'][:1].T[0])",
        "self.kept.append(batch['x'].reshape(-1).view(np.uint32).view(np.float32))",
        "self.kept.append(memoryview(batch['x']))",
        "self.kept.append(np.frombuffer(batch['x'], np.float32))",
        "self.kept.append(np.asarray(batch['x']))",
        "self.kept.append(batch.pop('x')); batch['x'] = self.kept[0]",
        "self.kept.append(lambda: batch['x']); self.kept[0] = self.kept[0]()",
        "self.kept.append(iter(batch['x'])); self.kept[0] = next(self.kept[0])",
    ],
)
def test_an_array_that_the_class_keeps_stays_as_it_was(keep: str, tmp_path: Path) -> None:
    backend = predicting(tmp_path, f"{keep}; return {{'y': batch['x']}}")
    inputs = batch()
    ask(backend, inputs)
    (kept,) = sys.modules[type(backend._model).__module__].Model.kept
    assert inputs.detached
    assert np.asarray(kept).ravel()[0] == 1.0


def test_the_dict_that_the_class_keeps_stays_as_it_was(tmp_path: Path) -> None:
    backend = predicting(tmp_path, "self.kept.append(batch); return {'y': batch['x']}")
    inputs = batch()
    ask(backend, inputs)
    assert inputs.detached
    assert backend._model.kept[0]["x"].tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_a_class_that_keeps_other_batches_each_time_is_seen_each_time(
    tmp_path: Path,
) -> None:
    backend = predicting(tmp_path, "self.last = batch['x']; return {'y': batch['x']}")
    for _ in range(3):
        inputs = batch()
        ask(backend, inputs)
        assert inputs.detached
        assert backend._model.last[0, 0] == 1.0


@pytest.mark.parametrize(
    "body",
    ["return {'y': batch['x'] * 2}", "return {'y': batch['x']}",
     "x = batch['x']; self.total = float(x.sum()); return {'y': x[::-1]}",
     "y = batch.pop('x'); return {'y': y}"],
)  # fmt: skip
def test_memory_is_not_made_private_for_a_class_that_keeps_nothing(
    body: str, tmp_path: Path
) -> None:
    backend = predicting(tmp_path, body)
    inputs = batch()
    assert ask(backend, inputs)[0, 0] in (1.0, 2.0)
    assert not inputs.detached


@pytest.mark.parametrize(
    ("body", "is_kept"),
    [
        ("x = batch['x']; raise ValueError(x[0, 0])", False),
        ("self.kept.append(batch['x']); raise ValueError('odd')", True),
        ("x = batch['x']; raise InputError('odd')", False),
        ("return {'y': batch['x'].astype(float)}", False),
        ("return {'y': batch['x'].view(np.uint32)}", False),
    ],
)
def test_keeping_is_seen_when_the_class_fails(
    body: str, is_kept: bool, tmp_path: Path
) -> None:
    backend = predicting(tmp_path, body)
    inputs = batch()
    with pytest.raises(ModelError):
        ask(backend, inputs)
    assert inputs.detached == is_kept


@pytest.mark.parametrize(
    "write",
    ["batch['x'][0] = 3", "batch['x'].flags.writeable = True",
     "batch['x'].setflags(write=True)", "np.add(batch['x'], 1, out=batch['x'])"],
)  # fmt: skip
def test_a_class_cannot_write_to_its_inputs(write: str, tmp_path: Path) -> None:
    backend = predicting(tmp_path, write)
    inputs = batch()
    with pytest.raises(ModelError, match="predict failed: ValueError"):
        backend.run(inputs, MemoryOutputs(backend.signature(), 2))
    assert inputs["x"].tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_with_copies_a_class_may_write_and_the_batch_stays(tmp_path: Path) -> None:
    body = "x = batch['x']; x *= 3; return {'y': x}"
    backend = predicting(tmp_path, body, declared(copy_inputs="on"))
    inputs = batch()
    outputs = MemoryOutputs(backend.signature(), 2)
    backend.run(inputs, outputs)
    assert outputs.finish()["y"][0, 0] == 3.0
    assert inputs["x"][0, 0] == 1.0


def test_load_is_told_where_it_is_and_what_was_said(tmp_path: Path) -> None:
    source = """
import sibling

class Ranker:
    def load(self, context):
        self.context = context

    def predict(self, batch):
        return {"y": batch["x"] * sibling.FACTOR}
"""
    (tmp_path / "sibling.py").write_text("FACTOR = 5")
    options = declared(**{"class": "Ranker", "factor": "3"})
    backend = loaded(tmp_path, source, options)
    context = backend._model.context
    assert context.folder == tmp_path.resolve()
    assert context.model_folder == tmp_path.resolve().parent
    assert context.options == {"factor": "3"}
    assert (context.device, context.threads) == ("cpu", 1)
    assert context.inputs == options.inputs
    assert ask(backend, batch())[0, 0] == 5.0
    assert not list(tmp_path.glob("__pycache__"))
    backend.close()
    sys.modules.pop("sibling")
    assert str(tmp_path.resolve()) not in sys.path


def test_close_closes_the_object_and_its_errors_are_only_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = PYTHON_SCALE + "\n    def close(self):\n        raise OSError('odd')\n"
    loaded(tmp_path, source).close()
    assert "close failed" in caplog.text


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def broken(:", r"model\.py:1: import failed: SyntaxError"),
        ("class Other: ...", r"model\.py has no class 'Model' with a method predict"),
        ("Model = 3", r"model\.py has no class 'Model'"),
        ("class Model: ...", r"model\.py has no class 'Model' with a method predict"),
        ("import nowhere_at_all", r"model\.py:1: import failed: ModuleNotFoundError"),
        ("import sys\nsys.exit(3)", r"model\.py:2: import failed: SystemExit: 3"),
        (
            PYTHON_SCALE.replace("self.factor =", "self.factor = 1 / 0 #"),
            r"model\.py:10: load failed: ZeroDivisionError: division by zero",
        ),
        (
            PYTHON_SCALE + "\n    def __init__(self):\n        raise OSError('odd')\n",
            r"model\.py:16: Model\(\) failed: OSError: odd",
        ),
    ],
)
def test_a_file_that_cannot_load_says_where(source: str, why: str, tmp_path: Path) -> None:
    path, modules = list(sys.path), set(sys.modules)
    with pytest.raises(ModelError, match=why):
        loaded(tmp_path, source)
    assert sys.path == path
    assert not {name for name in set(sys.modules) - modules if "leeboard_model" in name}


def test_a_class_without_a_declaration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.py: a Python class does not say which"):
        loaded(tmp_path, PYTHON_SCALE, LoadOptions())


def test_another_device_is_refused(tmp_path: Path) -> None:
    options = LoadOptions(device="cuda:0", inputs=declared().inputs)
    with pytest.raises(ModelError, match=r"'cuda:0' cannot be used: .* the CPU only"):
        loaded(tmp_path, PYTHON_SCALE, options)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return batch['x']", "predict returned a ndarray; it must return a dict"),
        ("return {}", "output 'y' of predict is missing"),
        ("return {'y': batch['x'], 'z': 3}", "output 'z' of predict is not declared"),
        ("return {'y': batch['x'].astype('f8')}", "output 'y' is float64, declared FP32"),
        ("return {'y': object()}", "output 'y' is a object that is no FP32 array"),
        ("return {'y': batch['x'][:1]}", r"output 'y' came as \(1, 2\)"),
        ("raise KeyError('odd')", r"model\.py:9: predict failed: KeyError: 'odd'"),
    ],
)
def test_what_predict_does_wrong_is_said(body: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=why):
        ask(predicting(tmp_path, body), batch())


def test_the_class_can_blame_the_request_or_memory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such currency"):
        ask(predicting(tmp_path, "raise InputError('no such currency')"), batch())
    with pytest.raises(MemoryError):
        ask(predicting(tmp_path, "raise MemoryError"), batch())


def test_an_optional_input_that_is_absent_is_not_in_the_batch(tmp_path: Path) -> None:
    body = "return {'y': batch['x'] + batch.get('shift', np.float32(5))}"
    options = declared()
    shift = TensorSpec("shift", "FP32", (FREE, 2), optional=True)
    options = LoadOptions(inputs=(*options.inputs, shift), outputs=options.outputs)
    backend = predicting(tmp_path, body, options)
    ones = np.ones((2, 2), np.float32)
    assert ask(backend, LentInputs(x=ones.copy()))[0, 0] == 6.0
    assert ask(backend, LentInputs(x=ones.copy(), shift=ones.copy()))[0, 0] == 2.0


def test_lists_of_numbers_become_the_declared_datatype(tmp_path: Path) -> None:
    backend = predicting(tmp_path, "return {'y': [[1, 2], [3, 4]]}")
    assert ask(backend, batch()).tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "given",
    ["np.array([['a', 'b'], ['c', 'd']])", "np.array([[b'a', b'b'], [b'c', b'd']])",
     "[['a', b'b'], ['c', 'd']]", "np.array([['a', b'b'], ['c', 'd']], object)"],
)  # fmt: skip
def test_text_may_be_given_in_any_form(given: str, tmp_path: Path) -> None:
    backend = predicting(tmp_path, f"return {{'y': {given}}}", declared("BYTES"))
    x = np.array([[b"0", b"1"], [b"2", b"3"]], object)
    y = ask(backend, LentInputs(x=x))
    assert [type(value) for value in y.ravel()] == [bytes] * 4


@pytest.mark.parametrize("given", ["[['a', 3]]", "np.array([['a', 3]], object)"])
def test_a_number_among_text_is_refused(given: str, tmp_path: Path) -> None:
    backend = predicting(tmp_path, f"return {{'y': {given}}}", declared("BYTES"))
    with pytest.raises(ModelError, match="an element is a int, not str or bytes"):
        ask(backend, LentInputs(x=np.array([[b"0", b"1"]], object)))
