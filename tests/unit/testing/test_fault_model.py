"""The fault model answers y = x, and goes wrong on the rows that it was told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.backends import framework_of
from runtime.backends.base import LoadOptions
from runtime.backends.memory import MemoryInputs, MemoryResponses
from runtime.errors import ModelError
from runtime.testing.conformance import check_backend
from runtime.testing.fault_model import LEAK_BYTES, FaultModel
from runtime.workers.limits import resident_bytes


class Written:
    """Takes outputs and keeps them."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def write(self, name: str, values: np.ndarray) -> None:
        self.arrays[name] = values


def load(folder: Path, **about: object) -> FaultModel:
    path = folder / "model.fault"
    path.write_text(json.dumps(about))
    model = FaultModel()
    model.load(path, LoadOptions())
    return model


def ask(model: FaultModel, x: np.ndarray) -> np.ndarray:
    outputs: Any = Written()
    inputs: Any = {"x": x}
    model.run(inputs, outputs)
    answer: np.ndarray = outputs.arrays["y"]
    return answer


def filled(value: float, rows: int = 2, width: int = 4) -> np.ndarray:
    return np.full((rows, width), value, np.float32)


def test_it_keeps_the_contract_of_backends(tmp_path: Path) -> None:
    path = tmp_path / "model.fault"
    path.write_text("{}")
    check_backend(FaultModel, path)


def test_it_keeps_the_contract_of_decoupled_backends(tmp_path: Path) -> None:
    path = tmp_path / "model.fault"
    path.write_text(json.dumps({"responses": {"count": 4}}))
    check_backend(FaultModel, path, LoadOptions(decoupled=True))


def respond(
    folder: Path, x: np.ndarray, most: int = 5, **about: object
) -> list[list[float]]:
    """Return the first row of each response."""
    path = folder / "model.fault"
    path.write_text(json.dumps(about))
    model = FaultModel()
    model.load(path, LoadOptions(decoupled=True))
    outputs = MemoryResponses(model.signature(), most=most)
    try:
        model.run(MemoryInputs({"x": x}, len(x)), outputs)
    except ModelError:
        outputs.responses.append({"y": np.full((1, 4), np.nan)})
    return [response["y"][0].tolist() for response in outputs.responses]


def test_it_gives_as_many_responses_as_it_was_told(tmp_path: Path) -> None:
    one, two, three = ([float(n)] * 4 for n in (1, 2, 3))
    x = filled(1.0)
    assert respond(tmp_path, x) == [one, two, three]
    assert respond(tmp_path, x, responses={"count": 0}) == []
    assert respond(tmp_path, x, 2, responses={"count": -1}) == [one, two]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_it_goes_wrong_after_some_responses(tmp_path: Path, after: int) -> None:
    about = {"count": 2, "deed_after": after}
    given = respond(tmp_path, filled(13.0), responses=about, deeds={"13": "raise"})
    assert len(given) == after + 1
    assert np.isnan(given[-1]).all()


def test_a_response_may_have_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "model.fault"
    about = {"responses": {"deed_after": 1}, "deeds": {"13": "wrong_shape"}}
    path.write_text(json.dumps(about))
    model = FaultModel()
    model.load(path, LoadOptions(decoupled=True))
    outputs = MemoryResponses(model.signature())
    with pytest.raises(ModelError, match="declared"):
        model.run(MemoryInputs({"x": filled(13.0)}, 2), outputs)
    assert len(outputs.responses) == 1


def test_responses_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no fault model"):
        load(tmp_path, responses={"how_many": 3})


def test_it_answers_what_it_was_asked(tmp_path: Path) -> None:
    model = load(tmp_path, width=3, deeds={"13": "raise"})
    assert ask(model, filled(5.0, width=3)).tolist() == filled(5.0, width=3).tolist()


@pytest.mark.parametrize(
    ("deed", "error", "words"),
    [
        ("raise", ModelError, "told to fail"),
        ("out_of_memory", MemoryError, "told to run out of memory"),
    ],
)
def test_a_told_row_makes_it_raise(
    tmp_path: Path, deed: str, error: type[Exception], words: str
) -> None:
    model = load(tmp_path, deeds={"13": deed})
    x = filled(1.0)
    x[1, 0] = 13
    with pytest.raises(error, match=words):
        ask(model, x)


@pytest.mark.parametrize(
    ("deed", "error"), [("raise", ModelError), ("out_of_memory", MemoryError)]
)
def test_a_deed_may_be_done_while_it_is_loaded(
    tmp_path: Path, deed: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match="told to"):
        load(tmp_path, load=deed)


def test_a_deed_may_be_done_for_every_row(tmp_path: Path) -> None:
    model = load(tmp_path, always="not_a_number", deeds={"13": "wrong_shape"})
    assert np.isnan(ask(model, filled(1.0))).all()
    assert ask(model, filled(13.0)).shape == (2, 3)


def test_free_dims_may_be_declared(tmp_path: Path) -> None:
    assert load(tmp_path).signature().outputs[0].shape == (-1, 4)
    assert load(tmp_path, free_answer=True).signature().outputs[0].shape == (-1, -1)


@pytest.mark.parametrize("about", [{"load": "dance"}, {"always": "dance"}])
def test_a_deed_that_nobody_knows_is_refused(
    tmp_path: Path, about: dict[str, object]
) -> None:
    with pytest.raises(ModelError, match="nobody knows how to dance"):
        load(tmp_path, **about)


def test_a_wrong_shape_is_one_column_short(tmp_path: Path) -> None:
    model = load(tmp_path, deeds={"13": "wrong_shape"})
    assert ask(model, filled(13.0)).shape == (2, 3)


def test_writing_its_input_changes_it(tmp_path: Path) -> None:
    model = load(tmp_path, deeds={"13": "write_input"})
    x = filled(13.0)
    assert ask(model, x).tolist() == filled(13.0).tolist()
    assert not x.any()


def test_a_leak_is_held_until_it_is_closed(tmp_path: Path) -> None:
    model = load(tmp_path, deeds={"13": "leak"})
    before = resident_bytes(pid())
    for _ in range(4):
        ask(model, filled(13.0, rows=1))
    assert resident_bytes(pid()) - before > 3 * LEAK_BYTES
    model.close()
    assert resident_bytes(pid()) - before < 2 * LEAK_BYTES


def pid() -> int:
    import os

    return os.getpid()


def test_a_deadly_row_ends_the_process(tmp_path: Path) -> None:
    path = tmp_path / "model.fault"
    path.write_text(json.dumps({"deeds": {"13": "exit"}}))
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from runtime.backends.base import LoadOptions\n"
        "from runtime.testing.fault_model import FaultModel\n"
        "model = FaultModel(); model.load(Path(sys.argv[1]), LoadOptions())\n"
        "model.run({'x': np.full((1, 4), 13, np.float32)}, None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert done.returncode == 3


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"deeds": []}', '{"width": "wide"}', '{"width": null}',
     '{"delay_s": []}', '{"deeds": {"first": "raise"}}'],
)  # fmt: skip
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.fault"
    path.write_text(text)
    with pytest.raises(ModelError, match="is no fault model"):
        FaultModel().load(path, LoadOptions())


def test_an_unknown_deed_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nobody knows how to dance"):
        load(tmp_path, deeds={"13": "dance"})


def test_its_workers_are_forked() -> None:
    assert framework_of(Path("model.fault")) == "fault"
