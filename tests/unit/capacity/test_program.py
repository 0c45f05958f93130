"""Running a command that measures, and what can go wrong with it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from runtime.capacity.program import Program, last_json, read_program, run_program
from runtime.errors import ConfigError, MeasurementError
from runtime.testing.waiting import wait_until


def python(code: str, *arguments: str, limit_s: float = 60.0) -> Program:
    return Program((sys.executable, "-c", code, *arguments), limit_s)


def test_a_command_is_split_as_a_shell_would_but_nothing_is_expanded() -> None:
    assert read_program("run 'a b' $HOME *", 1.0).words == ("run", "a b", "$HOME", "*")


@pytest.mark.parametrize(("text", "words"), [("", "is empty"), ("run 'a", "cannot split")])
def test_a_command_that_cannot_be_split_is_an_error(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_program(text, 1.0)


def test_the_report_is_read_from_the_path_in_the_command() -> None:
    code = "import sys; open(sys.argv[1][2:], 'w').write('{\"x\": 1}'); print('{\"x\": 2}')"
    assert run_program(python(code, "-o{json}")) == {"x": 1}


def test_without_a_path_the_report_is_the_last_thing_printed() -> None:
    code = "print('[warming] up'); print('{\\n \"x\": [1, 2]\\n}\\n')"
    assert run_program(python(code)) == {"x": [1, 2]}


def test_a_path_that_is_not_written_is_an_error() -> None:
    with pytest.raises(MeasurementError, match=r"left no JSON object at \{json\}"):
        run_program(python("print('{}')", "{json}"))


def test_output_without_json_is_an_error() -> None:
    with pytest.raises(MeasurementError, match="no JSON object at the end of its standard"):
        run_program(python("print('{\"x\": 1} and more')"))


def test_a_failed_command_shows_its_status_and_its_last_words() -> None:
    code = "import sys; sys.stderr.write('x' * 5000 + 'no such model'); sys.exit(7)"
    with pytest.raises(MeasurementError, match=r"ended with 7:\n.*no such model") as raised:
        run_program(python(code))
    assert "x" * 2001 not in str(raised.value)


def test_a_program_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="cannot run no-such-program: No such file"):
        run_program(read_program("no-such-program --json {json}", 1.0))


def is_running(pid: int) -> bool:
    """Tell whether a process still runs; one that nobody has waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    script = f"sleep 600 & echo $$ $! > {shlex.quote(str(told))}; echo stuck >&2; wait"
    with pytest.raises(MeasurementError, match="took over 2 s and was ended:\nstuck"):
        run_program(Program(("/bin/sh", "-c", script), 2.0))
    pids = [int(word) for word in told.read_text().split()]
    wait_until(lambda: not any(map(is_running, pids)), f"both of {pids} ended")
    assert len(pids) == 2


def test_what_a_command_leaves_behind_is_ended() -> None:
    script = """sleep 600 >/dev/null & echo "{\\"pid\\": $!}" """
    pid = run_program(Program(("/bin/sh", "-c", script), 60.0))["pid"]
    wait_until(lambda: not is_running(pid), f"{pid} ended")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("words", None),
        ('{"a": {\n"b": 1}}', {"a": {"b": 1}}),
        ('{"first": 1}\n{"last": 2}\n', {"last": 2}),
        ("[1, 2]", [1, 2]),
        ('said {"x": 1}', None),
    ],
)
def test_json_counts_only_at_the_end(text: str, found: object) -> None:
    assert last_json(text) == found
