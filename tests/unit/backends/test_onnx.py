"""The ONNX backend beyond its contract: refusals, learnt shapes, bindings, the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runtime.backends import onnx
from runtime.backends.base import Array, LoadOptions
from runtime.backends.memory import MemoryInputs, MemoryOutputs, Shelf
from runtime.backends.onnx import OnnxBackend
from runtime.errors import InputError, ModelError
from runtime.testing import models

OFF = LoadOptions(extra={"cache": "off"})


def loaded(path: Path, options: LoadOptions = OFF) -> OnnxBackend:
    """Return a backend with a model."""
    backend = OnnxBackend()
    backend.load(path, options)
    return backend


def ask(
    backend: OnnxBackend, x: Array, shelf: Shelf | None = None, key: object = None
) -> Array:
    """Run one batch of a model x -> y."""
    outputs = MemoryOutputs(backend.signature(), shelf=shelf)
    backend.run(MemoryInputs({"x": x}, x.shape[0] if x.ndim else 1, key), outputs)
    return outputs.finish()["y"].copy()


def rows(count: int, width: int = 4) -> Array:
    """Return `count` rows of counting numbers."""
    return np.arange(count * width, dtype=np.float32).reshape(count, width)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx is not a file"):
        loaded(tmp_path / "gone.onnx")


def test_a_broken_file_says_what_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(models.save_mlp(tmp_path / "m.onnx").read_bytes()[:1000])
    with pytest.raises(
        ModelError, match=r"broken\.onnx cannot be opened: .*not a whole ONNX"
    ):
        loaded(path)


def test_a_sequence_inside_a_model_is_no_obstacle(tmp_path: Path) -> None:
    graph = models.Graph()
    graph.node("SequenceConstruct", "x", to="s")
    graph.node("SequenceLength", "s", to="y")
    path = graph.save(tmp_path / "m.onnx", [("x", "FP32", ["N"])], [("y", "INT64", [])])
    assert loaded(path).signature().outputs[0].shape == ()


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    path = models.save_mlp(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="no option 'cash'"):
        loaded(path, LoadOptions(extra={"cash": "off"}))


def test_a_failing_batch_names_the_model_and_the_next_one_works(tmp_path: Path) -> None:
    backend = loaded(models.save_embedding(tmp_path / "m.onnx", entries=3))
    for good in ([0], [1, 2]):
        assert ask(backend, np.array(good)).shape == (len(good), 4)
    with pytest.raises(ModelError, match=r"m\.onnx failed: .*out of data bounds"):
        ask(backend, np.array([0, 3]))
    assert ask(backend, np.array([2, 2, 2])).shape == (3, 4)


def test_outputs_are_bound_before_the_run_once_their_shape_is_proved(
    tmp_path: Path,
) -> None:
    backend = loaded(models.save_identity(tmp_path / "m.onnx"))
    shelf: Shelf = {}
    ask(backend, rows(1), shelf)
    ask(backend, rows(2), shelf)
    assert shelf == {}
    assert np.array_equal(ask(backend, rows(5), shelf), rows(5))
    assert list(shelf) == [("y", (5, 4))]


def test_a_name_that_lies_costs_no_answer(tmp_path: Path) -> None:
    graph = models.Graph()
    graph.node("Slice", "x", *(graph.constant([v], "int64") for v in (0, 3, 0)), to="y")
    shape: models.Dims = ["N", 4]
    path = graph.save(tmp_path / "m.onnx", [("x", "FP32", shape)], [("y", "FP32", shape)])
    backend = loaded(path)
    for count in (1, 2, 3):
        assert ask(backend, rows(count)).shape == (count, 4)
    with pytest.raises(ModelError, match="failed"):
        ask(backend, rows(9))
    assert np.array_equal(ask(backend, rows(9)), rows(9)[:3])


def test_a_shape_that_depends_on_data_is_copied_each_time(tmp_path: Path) -> None:
    backend = loaded(models.save_positive_only(tmp_path / "m.onnx"))
    shelf: Shelf = {}
    x = rows(3)
    for count in (11, 4, 0):
        x[:] = 0
        x.reshape(-1)[:count] = 1
        assert ask(backend, x, shelf, "same memory").tolist() == [1] * count
    assert shelf == {}


def test_bindings_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "MOST_BINDINGS", 2)
    backend = loaded(models.save_identity(tmp_path / "m.onnx"))
    batches = {count: rows(count) for count in (1, 2, 3, 4, 5)}
    shelves: dict[int, Shelf] = {count: {} for count in batches}
    for _ in range(3):
        for count, x in batches.items():
            assert np.array_equal(ask(backend, x, shelves[count], count), x)
    assert len(backend._bindings) == 2


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0)])
def test_a_size_of_zero_works(tmp_path: Path, shape: tuple[int, int]) -> None:
    backend = loaded(models.save_identity(tmp_path / "m.onnx", "FP32", ["N", "M"]))
    shelf: Shelf = {}
    for x in (rows(1), rows(2), np.empty(shape, np.float32), np.empty(shape, np.float32)):
        assert ask(backend, x, shelf, x.shape).shape == x.shape


def test_a_scalar_stays_one(tmp_path: Path) -> None:
    backend = loaded(models.save_identity(tmp_path / "m.onnx", "INT64", []))
    for _ in range(3):
        assert ask(backend, np.array(7)).shape == ()


def test_text_comes_back_as_bytes(tmp_path: Path) -> None:
    backend = loaded(models.save_identity(tmp_path / "m.onnx", "BYTES", ["N"]))
    x = np.array(["é".encode(), b"", b"a\0b"], dtype=object)
    assert ask(backend, x).tolist() == x.tolist()


def test_bytes_that_are_not_text_are_refused_by_name(tmp_path: Path) -> None:
    backend = loaded(models.save_identity(tmp_path / "m.onnx", "BYTES", ["N"]))
    with pytest.raises(InputError, match="input 'x' has bytes that are not UTF-8"):
        ask(backend, np.array([b"good", b"\xff\xfe"], dtype=object))


def test_threads_are_as_asked(tmp_path: Path) -> None:
    backend = loaded(
        models.save_mlp(tmp_path / "m.onnx"), LoadOptions(2, extra={"cache": "off"})
    )
    assert ask(backend, rows(3, 32)).shape == (3, 8)


def cached(tmp_path: Path) -> list[Path]:
    """Return the prepared models in the cache of a test."""
    return sorted((tmp_path / "cache").rglob("*.onnx"))


def test_the_second_load_uses_the_prepared_copy(tmp_path: Path) -> None:
    path = models.save_mlp(tmp_path / "m.onnx")
    options = LoadOptions(cache_dir=tmp_path / "cache")
    first = loaded(path, options)
    assert len(cached(tmp_path)) == 1
    os.utime(cached(tmp_path)[0], (1000, 1000))
    second = loaded(path, options)
    assert cached(tmp_path)[0].stat().st_mtime > 1000
    assert second.signature() == first.signature()
    assert np.allclose(ask(first, rows(3, 32)), ask(second, rows(3, 32)))


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_damaged_copy_is_made_anew(tmp_path: Path, content: bytes | None) -> None:
    path = models.save_mlp(tmp_path / "m.onnx")
    options = LoadOptions(cache_dir=tmp_path / "cache")
    loaded(path, options)
    copy = cached(tmp_path)[0]
    whole = copy.read_bytes()
    foreign = models.save_identity(tmp_path / "other.onnx").read_bytes()
    copy.write_bytes(foreign if content is None else content)
    assert ask(loaded(path, options), rows(2, 32)).shape == (2, 8)
    assert copy.read_bytes() == whole


def test_the_cache_never_fails_a_load(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    path = models.save_mlp(tmp_path / "m.onnx")
    options = LoadOptions(cache_dir=tmp_path / "file")
    assert ask(loaded(path, options), rows(2, 32)).shape == (2, 8)


def test_a_broken_file_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"rubbish")
    with pytest.raises(ModelError):
        loaded(path, LoadOptions(cache_dir=tmp_path / "cache"))
    assert list((tmp_path / "cache" / "onnx").iterdir()) == []


def test_closing_twice_and_without_a_load_is_harmless(tmp_path: Path) -> None:
    backend = loaded(models.save_mlp(tmp_path / "m.onnx"))
    backend.close()
    backend.close()
    OnnxBackend().close()


def test_telemetry_is_off_before_onnxruntime_is_imported(tmp_path: Path) -> None:
    path = models.save_mlp(tmp_path / "m.onnx")
    program = f"""
import os, sys
from pathlib import Path
from runtime.backends.base import LoadOptions
from runtime.backends.onnx import OnnxBackend
assert "onnxruntime" not in sys.modules
class Spy:
    def find_spec(self, name, *rest):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Spy())
OnnxBackend().load(Path({str(path)!r}), LoadOptions(extra={{"cache": "off"}}))
"""
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.stdout.splitlines() == ["1"]


def test_another_device_is_refused(tmp_path: Path) -> None:
    path = models.save_mlp(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"device 'cuda:0' cannot be used: .* CPU only"):
        loaded(path, LoadOptions(device="cuda:0"))
