"""A second reading: what may change is taken over, the rest waits; secrets never show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.options.effective import HIDDEN, Effective, as_values, read_effective
from runtime.options.option import Option
from runtime.options.rereading import LivingOptions
from runtime.options.sources import Sources, read_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "server.yaml"
    path.write_text("path: models\nexit_timeout: 10\nworkers: {threads: 1}")
    return path


def test_what_may_change_changes_and_the_rest_waits(file: Path) -> None:
    options = LivingOptions(Sources({}, {}, file))
    file.write_text("path: models\nexit_timeout: 20\nworkers: {threads: 2}")
    found = options.reread()
    assert (found.config.exit_timeout_s, found.config.workers.threads) == (20.0, 1)
    assert found.waiting == ("workers.threads",)
    assert options.config() == found.config


def test_what_was_said_on_the_command_line_stays(file: Path) -> None:
    options = LivingOptions(Sources({"exit_timeout": 5.0}, {}, file))
    file.write_text("path: models\nexit_timeout: 20")
    assert options.reread().config.exit_timeout_s == 5.0


@pytest.mark.parametrize("text", ["exit_timeout: soon", "exit_timeout: -1", "a: ["])
def test_a_file_that_is_wrong_changes_nothing(file: Path, text: str) -> None:
    options = LivingOptions(Sources({}, {}, file))
    before = options.config()
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"server\.yaml"):
        options.reread()
    assert options.config() == before


def test_the_options_in_force_can_be_read_in_the_process_that_has_them(file: Path) -> None:
    effective = Effective()
    effective.write(read_settings(Sources({}, {}, file)))
    effective.write(read_settings(Sources({"threads": 7}, {})))
    found = read_effective([0, os.getpid()])
    assert found is not None
    assert found["workers.threads"] == {"value": 7, "from": "--threads"}
    assert found["exit_timeout"] == {"value": 30.0, "from": "default"}
    effective.close()
    assert read_effective([os.getpid()]) is None


def test_a_secret_is_only_said_to_be_there(tmp_path: Path) -> None:
    secret = Option("ready_file", "A secret.", secret=True)
    (said,) = read_settings(
        Sources({}, {"LEEBOARD_READY_FILE": "hunter2"}, None, (secret,))
    )
    assert as_values([said])["ready_file"] == {
        "value": HIDDEN, "from": "LEEBOARD_READY_FILE"
    }  # fmt: skip
    (unsaid,) = read_settings(Sources({}, {}, None, (secret,)))
    assert as_values([unsaid])["ready_file"]["value"] is None
