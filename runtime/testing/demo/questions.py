"""What the demo asks: files of this repository, and words; and what must come back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import runtime
from runtime.backends.base import Array
from runtime.errors import ConfigError
from runtime.testing.demo import filetypes, words
from runtime.testing.demo.clients import Case
from runtime.testing.demo.wheels import Files

ROOT = Path(runtime.__file__).resolve().parent.parent

REPOSITORY_FILES = (
    ("Makefile", "makefile"),
    ("runtime/app.py", "python"),
    ("csrc/batch/fill.cc", "cpp"),
    ("tests/native/CMakeLists.txt", "cmake"),
    ("tools/native_tests", "shell"),
    ("protos/inference.proto", "proto"),
    ("pyproject.toml", "toml"),
    ("README.md", "markdown"),
    ("LICENSE", "txt"),
)

TEXTS = (
    "gRPC",
    "NumPy",
    "batched",
    "answers",
    "every row",
    "Leeboard",
    "Hello, world!",
    "The quick brown fox",
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a person sees of a question, the right answer, and the question itself."""

    about: str
    right: str
    case: Case


def documents(files: Files) -> Iterator[tuple[str, str, bytes]]:
    """Yield name, right label and content of what magika is asked about."""
    for name, label in REPOSITORY_FILES:
        try:
            yield name, label, (ROOT / name).read_bytes()
        except OSError as error:
            raise ConfigError(
                f"the demo runs in a clone of the repository: {error}"
            ) from error
    yield "ocr/1/model.onnx", "onnx", files.ocr.read_bytes()
    drawn = io.BytesIO()
    words.render("a PNG").save(drawn, "PNG")
    yield "a picture made just now", "png", drawn.getvalue()


def about_files(files: Files, config: filetypes.Config) -> list[Question]:
    """Return the questions for magika."""
    wanted = list(documents(files))
    rows = [filetypes.features(content, config)[np.newaxis] for _, _, content in wanted]
    cases = answered("magika", files.magika, rows)
    return [
        Question(name, label, case)
        for (name, label, _), case in zip(wanted, cases, strict=True)
    ]


def about_words(files: Files) -> list[Question]:
    """Return the questions for the recogniser; right is what was rendered."""
    rows: list[Array] = [words.normalise(words.render(text)) for text in TEXTS]
    cases = answered("ocr", files.ocr, rows)
    return [Question(text, text, case) for text, case in zip(TEXTS, cases, strict=True)]


def answered(model: str, path: Path, rows: list[Array]) -> list[Case]:
    """Return a case for each row, with what ONNX Runtime answers in this process, alone."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    given, made = session.get_inputs()[0].name, session.get_outputs()[0].name
    return [
        Case(model, given, made, row, session.run([made], {given: row})[0]) for row in rows
    ]
