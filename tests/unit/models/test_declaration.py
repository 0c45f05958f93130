"""What is said of a model: any text at all gives settings or a ConfigError, nothing else.

Also that a command that reads no such file imports none of the libraries that do.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import ConfigError
from runtime.models.declaration import read_settings
from runtime.models.leeboard_yaml import schema
from runtime.models.model_folder import ModelFolder
from runtime.models.settings import NO_SETTINGS, ModelSettings

CASES = [path.read_text() for path in (Path(__file__).parent / "triton").glob("*.pbtxt")]
KEYS = sorted({*schema()["properties"], *(
    key for model in schema()["$defs"].values() for key in model["properties"]
)})  # fmt: skip

WORDS = ["0", "-1", "1e9", "9" * 30, "x", "''", "~", "yes", "&a", "*a", "!!int", "<<", "2s",
         "[]", "{}", "-", ":", ",", "\n", "\n  ", " ", "#", "[", "]", "{", "}", '"', "\\0",
         "FP32", "all", "cpu", "../x", "true", "1.5", "\ud800", "\u2028"]  # fmt: skip

scalars = st.sampled_from(WORDS) | st.text(max_size=8) | st.integers().map(str)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=8,
)
yaml_like = st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=4).map(
    lambda pairs: "\n".join(f"{key}: {value}" for key, value in pairs)
) | st.lists(scalars, max_size=20).map(" ".join)


@st.composite
def pbtxt_like(draw: st.DrawFn) -> str:
    """A whole case, or two, with pieces cut out, doubled and replaced."""
    text = draw(st.sampled_from(CASES))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(start + 40, len(text))))
        piece = draw(scalars | st.just(text[start:end] * 2) | st.sampled_from(CASES))
        text = text[:start] + piece + text[end:]
    return text


@contextlib.contextmanager
def model_folder() -> Iterator[ModelFolder]:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        (root / "m").mkdir()
        yield ModelFolder(root / "m", root)


def read_bytes(name: str, content: bytes) -> ModelSettings | None:
    with model_folder() as folder:
        (folder.path / name).write_bytes(content)
        with contextlib.suppress(ConfigError):
            return read_settings(folder)
        return None


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@settings(deadline=None)
@given(yaml_like)
def test_no_text_crashes_the_reader_of_leeboard_yaml(text: str) -> None:
    read_bytes("leeboard.yaml", as_bytes(text))


@settings(deadline=None)
@given(pbtxt_like())
def test_no_text_crashes_the_reader_of_config_pbtxt(text: str) -> None:
    read_bytes("config.pbtxt", as_bytes(text))


@settings(deadline=None)
@given(st.sampled_from(["leeboard.yaml", "config.pbtxt"]), st.binary(max_size=60))
def test_no_bytes_crash_a_reader(name: str, content: bytes) -> None:
    read_bytes(name, content)


def test_without_a_file_nothing_is_said(tmp_path: Path) -> None:
    assert read_settings(ModelFolder(tmp_path, tmp_path)) is NO_SETTINGS


READERS = {"pydantic", "yaml"}


def imported(statement: str) -> set[str]:
    command = [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["runtime.cli", "runtime.app"])
def test_starting_imports_no_reader(module: str) -> None:
    assert imported(f"import {module}") & READERS == set()


def test_a_folder_of_plain_models_imports_no_reader(tmp_path: Path) -> None:
    (tmp_path / "m/1").mkdir(parents=True)
    (tmp_path / "m/1/model.onnx").touch()
    find = "from runtime.models.repository import find_models; from pathlib import Path; "
    find += f"find_models(Path({str(tmp_path)!r}))"
    assert imported(find) & READERS == set()


@pytest.mark.parametrize(
    ("name", "text"),
    [("leeboard.yaml", b"threads: 3"), ("config.pbtxt", b'backend: "onnxruntime"')],
)
def test_a_good_text_is_read(name: str, text: bytes) -> None:
    assert read_bytes(name, text) not in (None, NO_SETTINGS)
