"""One run of a command that measures: started, watched, ended, and its JSON read.

The command is run without a shell, in a process group of its own. At the end, whether it
ended itself, took too long, or we were interrupted, whatever is left of the group is ended:
asked first, then killed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from runtime.errors import ConfigError, MeasurementError

PLACE = "{json}"
STOP_S = 5.0
TAIL = 2000
"""Characters of what a command said that an error repeats."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command, its words as a shell would split them, and the seconds it may take."""

    words: tuple[str, ...]
    limit_s: float

    @property
    def text(self) -> str:
        """The command as a person types it."""
        return shlex.join(self.words)


def read_program(text: str, limit_s: float) -> Program:
    """Split a command; ConfigError when its quotes are not closed or it is empty."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"cannot split the command {text!r}: {error}") from error
    if not words:
        raise ConfigError("a command is empty")
    return Program(tuple(words), limit_s)


def last_json(text: str) -> object:
    r"""Return the JSON that a text ends with, or None.

    Only a line can begin it, so a bracket within a message is not taken for JSON.

    Examples
    --------
    >>> last_json('warming up\n{"ok": 5}\n')
    {'ok': 5}
    """
    for begin in re.finditer(r"^[\[{]", text, re.MULTILINE):
        with suppress(ValueError):
            found: object = json.loads(text[begin.start() :])
            return found
    return None


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a group, and all that it started: SIGTERM, then SIGKILL."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_S)


def tail(file: IO[bytes]) -> str:
    """Return the end of what was written into a file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL))
    said = file.read().decode(errors="replace").strip()
    return f":\n{said}" if said else ", without a word on standard error"


def run_to_end(program: Program, words: list[str], folder: Path) -> str:
    """Run a command and return its standard output; MeasurementError unless it is well."""
    with (
        (folder / "stdout").open("w+b") as output,
        (folder / "stderr").open("w+b") as complaints,
    ):
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=complaints,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise ConfigError(f"cannot run {words[0]}: {error.strerror}") from error
        try:
            status = process.wait(program.limit_s)
        except subprocess.TimeoutExpired as error:
            raise MeasurementError(
                f"`{program.text}` took over {program.limit_s:g} s and was ended"
                f"{tail(complaints)}"
            ) from error
        finally:
            end_group(process)
        if status:
            raise MeasurementError(
                f"`{program.text}` ended with {status}{tail(complaints)}"
            )
        output.seek(0)
        return output.read().decode(errors="replace")


def run_program(program: Program) -> Mapping[str, Any]:
    """Run a command once and return its report.

    The report is what the command writes to the path that stands for ``{json}`` in it, or
    else the JSON object that its standard output ends with. Raises MeasurementError when
    the command fails, takes too long or leaves no report; ConfigError if it cannot start.
    """
    with tempfile.TemporaryDirectory(prefix="leeboard-") as name:
        folder = Path(name)
        file = folder / "report.json"
        words = [word.replace(PLACE, str(file)) for word in program.words]
        output = run_to_end(program, words, folder)
        if words == list(program.words):
            report = last_json(output)
            where = "the end of its standard output"
        else:
            report = last_json(file.read_text(encoding="utf-8")) if file.exists() else None
            where = PLACE
    if not isinstance(report, Mapping):
        raise MeasurementError(f"`{program.text}` left no JSON object at {where}")
    return report
