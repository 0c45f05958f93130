"""A person's class that yields: one request, any number of responses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.base import Array
from runtime.backends.memory import MemoryResponses
from runtime.backends.python_model import PythonBackend
from runtime.errors import InputError, ModelError
from tests.unit.backends.test_python_model import OTHER, LentInputs, batch, declared, loaded

CLASS = """
import numpy as np
from runtime.errors import InputError

class Model:
    kept = []
    said = []

    def predict(self, batch):
        {body}
"""


def yielding(path: Path, body: str, copy_inputs: str = "off") -> PythonBackend:
    """Return a decoupled backend with a class whose method predict has this body."""
    options = replace(declared(copy_inputs=copy_inputs), decoupled=True)
    return loaded(path, CLASS.format(body=body), options)


def responses(backend: PythonBackend, most: int = 100) -> list[list[float]]:
    """Return what each response's first row is."""
    outputs = MemoryResponses(backend.signature(), most=most)
    backend.run(batch(), outputs)
    return [response["y"][0].tolist() for response in outputs.end()]


def said(backend: PythonBackend) -> list[object]:
    words: list[object] = backend._model.said
    return words


FIRST = batch()["x"][0]


def times(*factors: float) -> list[list[float]]:
    return [(FIRST * factor).tolist() for factor in factors]


@pytest.mark.parametrize(
    ("body", "factors"),
    [
        ("yield {'y': batch['x']}; yield {'y': batch['x'] * 2}", (1, 2)),
        ("yield from ({'y': batch['x'] * n} for n in range(5))", range(5)),
        ("return iter([{'y': batch['x']}])", (1,)),
        ("return map(lambda n: {'y': batch['x'] * n}, (3, 1))", (3, 1)),
        ("return; yield", ()),
        ("return iter(())", ()),
    ],
)
def test_each_dict_is_a_response(
    body: str, factors: tuple[float, ...], tmp_path: Path
) -> None:
    backend = yielding(tmp_path, body)
    assert backend.signature().decoupled
    assert responses(backend) == responses(backend) == times(*factors)


def test_a_response_has_any_number_of_rows(tmp_path: Path) -> None:
    body = "yield {'y': batch['x'][:1]}; yield {'y': np.zeros((7, 2), np.float32)}"
    outputs = MemoryResponses(yielding(tmp_path, body).signature())
    yielding(tmp_path, body).run(batch(), outputs)
    assert [len(response["y"]) for response in outputs.responses] == [1, 7]


ENDLESS = """
        try:
            n = 0
            while True:
                n += 1
                self.said.append(n)
                yield {'y': batch['x'] * n}
        except GeneratorExit:
            self.said.append('closed')
            raise
"""


def test_a_generator_is_closed_when_nobody_wants_more(tmp_path: Path) -> None:
    backend = yielding(tmp_path, ENDLESS)
    assert responses(backend, 2) == times(1, 2)
    assert said(backend) == [1, 2, "closed"]


class Unwanted(MemoryResponses):
    """Nobody waits as soon as the first response could be filled."""

    def ready(self) -> bool:
        return False


def test_it_is_closed_when_they_go_while_it_computes(tmp_path: Path) -> None:
    backend = yielding(tmp_path, ENDLESS)
    outputs = Unwanted(backend.signature())
    backend.run(batch(), outputs)
    assert outputs.end() == []
    assert said(backend) == [1, "closed"]


@pytest.mark.parametrize("stays", ["yield 1", "raise ValueError('no')", "exit(3)"])
def test_a_generator_that_cannot_be_closed_is_only_logged(
    stays: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = f"""
        try:
            yield {{'y': batch['x']}}
            yield {{'y': batch['x']}}
        except GeneratorExit:
            {stays}
"""
    backend = yielding(tmp_path, body)
    assert responses(backend, 1) == times(1)
    assert "predict failed when it was closed" in caplog.text
    assert responses(backend, 1) == times(1)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return {'y': batch['x']}", "predict returned a dict; a decoupled model's must"),
        ("return [{'y': batch['x']}]", "predict returned a list; a decoupled model's must"),
        ("pass", "predict returned a NoneType; a decoupled model's must"),
        ("yield batch['x']", "predict yielded a ndarray; it must yield a dict"),
        ("yield {}", "output 'y' of predict is missing"),
        ("yield {'y': batch['x'], 'z': 1}", "output 'z' of predict is not declared"),
        ("yield {'y': np.zeros(3, np.float32)}", "came as (3,)"),
        ("yield {'y': np.zeros((2, 2))}", "is float64, declared FP32"),
        ("raise KeyError('k'); yield", "model.py:10: predict failed: KeyError: 'k'"),
    ],
)
@pytest.mark.parametrize("before", [0, 2])
def test_what_predict_does_wrong_is_said(
    body: str, why: str, before: int, tmp_path: Path
) -> None:
    if before and not body.startswith(("yield", "raise")):
        pytest.skip("it has no responses")
    first = "yield {'y': batch['x']}; " * before
    backend = yielding(tmp_path, first + body)
    outputs = MemoryResponses(backend.signature())
    with pytest.raises(ModelError) as caught:
        backend.run(batch(), outputs)
    assert why in str(caught.value)
    assert len(outputs.responses) == before


def test_an_async_generator_is_refused_with_the_remedy(tmp_path: Path) -> None:
    source = CLASS.replace("def predict", "async def predict").format(body="yield {}")
    options = replace(declared(), decoupled=True)
    backend = loaded(tmp_path, source, options)
    with pytest.raises(ModelError, match="predict returned a async_generator"):
        responses(backend)


@pytest.mark.parametrize("error", [InputError, MemoryError])
def test_the_class_can_blame_the_request_or_memory(
    error: type[Exception], tmp_path: Path
) -> None:
    body = f"yield {{'y': batch['x']}}; raise {error.__name__}('too long')"
    with pytest.raises(error, match="too long"):
        responses(yielding(tmp_path, body))


def test_only_a_decoupled_model_may_yield(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"write decoupled: true into leeboard\.yaml"):
        loaded(tmp_path, CLASS.format(body="yield {'y': batch['x']}"), declared())


KEEPING = {
    "the array": "self.kept.append(batch['x'])",
    "a view": "self.kept.append(batch['x'][:1])",
    "the dict": "self.kept.append(batch)",
}


@pytest.mark.parametrize("keep", KEEPING.values(), ids=KEEPING)
@pytest.mark.parametrize("most", [1, 100])
def test_what_the_class_keeps_stays_as_it_was(keep: str, most: int, tmp_path: Path) -> None:
    backend = yielding(tmp_path, f"{keep}; yield {{'y': batch['x']}}; yield from ()")
    inputs = batch()
    before = inputs["x"].copy()
    backend.run(inputs, MemoryResponses(backend.signature(), most=most))
    assert inputs.detached
    inputs.use_again()
    kept = backend._model.kept[0]
    values: Array = kept["x"] if isinstance(kept, dict) else kept
    assert np.array_equal(values, before[: len(values)])


@pytest.mark.parametrize(
    "body",
    [
        "yield {'y': batch['x']}; yield {'y': batch['x'] * 2}",
        "x = batch['x']; yield {'y': x}; del batch; yield {'y': x}",
        "return iter([{'y': batch['x']}] * 3)",
    ],
)
@pytest.mark.parametrize("most", [0, 1, 100])
def test_memory_is_not_made_private_for_a_generator_that_keeps_nothing(
    body: str, most: int, tmp_path: Path
) -> None:
    backend = yielding(tmp_path, body)
    for _ in range(3):
        inputs = batch()
        backend.run(inputs, MemoryResponses(backend.signature(), most=most))
        assert not inputs.detached


@pytest.mark.parametrize("wrong", ["raise ValueError", "yield {'y': 3}", "yield {}"])
def test_nothing_is_kept_by_a_failure(wrong: str, tmp_path: Path) -> None:
    backend = yielding(tmp_path, f"x = batch['x']; yield {{'y': x}}; {wrong}")
    inputs = batch()
    with pytest.raises(ModelError):
        backend.run(inputs, MemoryResponses(backend.signature()))
    assert not inputs.detached


def test_a_generator_that_stays_open_keeps_its_batch(tmp_path: Path) -> None:
    body = """
        self.kept.append(batch['x'])
        refusals = 0
        while refusals < 2:  # The second is the end of the process.
            try:
                yield {'y': batch['x']}
            except GeneratorExit:
                refusals += 1
"""
    backend = yielding(tmp_path, body)
    inputs: LentInputs = batch()
    backend.run(inputs, MemoryResponses(backend.signature(), most=1))
    assert inputs.detached
    inputs.use_again()
    assert OTHER not in backend._model.kept[0]
