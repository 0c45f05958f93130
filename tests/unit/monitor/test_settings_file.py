"""The monitor's file: what it may say, and each thing it may not, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.monitor.settings import DEFAULT, LabelsWatch, Loss, Score, Task
from runtime.monitor.settings_file import LARGEST, read


def written(folder: Path, text: str) -> Path:
    path = folder / "monitor.yaml"
    path.write_text(text)
    return path


def test_what_is_not_said_is_the_default(tmp_path: Path) -> None:
    found = read(written(tmp_path, "models:\n  fraud: {}\n"))
    assert found == {"fraud": DEFAULT}


def test_everything_may_be_said(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "models:\n"
        "  fraud:\n"
        "    on: true\n"
        "    task: binary\n"
        "    eps: 0.1\n"
        "    features: [age, income]\n"
        "    groups: [age]\n"
        "    score: {output: probability, column: 1}\n"
        "    reference: refs/fraud.json\n"
        "    contract: /etc/contract.json\n"
        "    labels: {loss: brier, eps: 0.05, baseline: 200}\n",
    )
    [fraud] = read(path).values()
    assert fraud.task is Task.BINARY
    assert fraud.features == ("age", "income")
    assert fraud.score == Score("probability", 1)
    assert fraud.labels == LabelsWatch(loss=Loss.BRIER, eps=0.05, baseline=200)
    assert fraud.reference == str(tmp_path / "refs/fraud.json")  # Named from the file.
    assert fraud.contract == "/etc/contract.json"


def test_a_model_may_be_left_unwatched(tmp_path: Path) -> None:
    assert not read(written(tmp_path, "models: {a: {on: false}}"))["a"].is_on


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is one key, models, with the models by name"),
        ("models: [a]", "there is one key, models"),
        ("models: {}\nmore: 1", "there is one key, models"),
        ("models: {a: 3}", "models.a must have keys and values"),
        ("models: {a: {epz: 1}}", "models.a: there is no key 'epz'; known: classes"),
        ("models: {a: {eps: big}}", "models.a.eps is 'big'; it must be a number from 0"),
        ("models: {a: {eps: true}}", "models.a.eps is True; it must be a number"),
        ("models: {a: {eps: .nan}}", "models.a.eps is nan; it must be a number"),
        ("models: {a: {eps: 0.6}}", "it must be a number from 0 to 0.5"),
        ("models: {a: {reference_rows: 1.5}}", "it must be a whole number from 100"),
        ("models: {a: {reference_rows: 5}}", "it must be a whole number from 100"),
        ("models: {a: {features: age}}", "models.a.features must be a list of texts"),
        ("models: {a: {features: [1]}}", "models.a.features must be a list of texts"),
        ("models: {a: {task: guess}}", "is 'guess'; it must be one of none, binary"),
        ("models: {a: {on: maybe}}", "models.a.on must be true or false"),
        ("models: {a: {reference: 3}}", "models.a.reference must be a text"),
        ("models: {a: {labels: {gap: 2}}}", "models.a.labels.gap is 2"),
        ("models: {a: {score: {col: 2}}}", "models.a.score: there is no key 'col'"),
        ("models: {a: [", "is no YAML"),
        ("models: 2020-13-45", "is no YAML that can be read: month must be in 1..12"),
        ("models: " + "[" * 3_000, "is no YAML"),
        ("models: " + "7" * 5_000, "is no YAML"),
        ("!!python/object:os.system {}", "is no YAML"),
    ],
)
def test_what_cannot_be_is_named(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as found:
        read(written(tmp_path, text))
    assert words in str(found.value)
    assert "monitor.yaml" in str(found.value)


def test_a_file_that_is_not_there_or_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml cannot be read: No such file"):
        read(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match="more than 1048576 bytes"):
        read(written(tmp_path, "#" * (LARGEST + 1)))
