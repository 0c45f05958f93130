"""One precedence for all options, and every mistake told with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.config import MIB, Config, Control, Monitoring
from runtime.errors import ConfigError
from runtime.options.option import Kind, Option, Shown
from runtime.options.sources import (
    Origin,
    Setting,
    Sources,
    build,
    checked,
    read_settings,
    unknown,
)
from runtime.options.table import OPTIONS


def settings(
    flags: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    file: Path | None = None,
) -> dict[str, Setting]:
    found = read_settings(Sources(flags or {}, environment or {}, file))
    return {setting.option.name: setting for setting in found}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "server.yaml"
        path.write_text(text)
        return path

    return write


def test_without_anything_said_the_config_has_its_defaults() -> None:
    found = list(settings({"path": Path("m")}).values())
    assert build(found) == Config(Path("m"), control=Control(), monitoring=Monitoring())
    assert {s.origin for s in found[1:]} == {Origin.DEFAULT}


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(
    write: Any,
) -> None:
    file = write("workers: {instances: 2, threads: 2, worker_memory: 2}")
    environment = {"LEEBOARD_INSTANCES": "3", "LEEBOARD_THREADS": "3"}
    found = settings({"instances": 4, "strict": None}, environment, file)
    assert [
        (found[name].value, found[name].origin, found[name].place)
        for name in ("instances", "threads", "worker_memory", "load_timeout")
    ] == [
        (4, Origin.FLAG, "--instances"),
        (3, Origin.ENVIRONMENT, "LEEBOARD_THREADS"),
        (2, Origin.FILE, f"{file}: workers.worker_memory"),
        (600.0, Origin.DEFAULT, "default"),
    ]


def test_a_switch_that_a_file_turns_on_is_turned_off_by_flag(write: Any) -> None:
    file = write("strict: true")
    assert settings(file=file)["strict"].value is True
    assert settings({"strict": False}, file=file)["strict"].value is False


def test_the_environment_names_the_file(write: Any) -> None:
    file = write("listen: {host: '::1'}")
    found = settings(environment={"LEEBOARD_CONFIG": str(file)})
    assert found["host"].value == "::1"


@pytest.mark.parametrize(
    "given",
    [
        {"flags": {"load_model": ["a", "b"]}},
        {"environment": {"LEEBOARD_LOAD_MODEL": " a, b,"}},
        {"file": "repository: {load_model: [a, b]}"},
    ],
)
def test_a_list_is_said_in_each_way(given: dict[str, Any], write: Any) -> None:
    if "file" in given:
        given["file"] = write(given["file"])
    assert settings(**given)["load_model"].value == ("a", "b")


def test_a_list_without_entries_on_the_command_line_says_nothing() -> None:
    found = settings({"load_model": []}, {"LEEBOARD_LOAD_MODEL": "a"})
    assert found["load_model"].value == ("a",)


def test_what_people_write_becomes_what_the_config_holds() -> None:
    environment = {
        "LEEBOARD_PATH": "models", "LEEBOARD_WORKER_MEMORY": "3",
        "LEEBOARD_WORKER_CPUS": "1-2", "LEEBOARD_ALLOW_MODULE": "shop",
        "LEEBOARD_STRICT": "Yes", "LEEBOARD_EXIT_TIMEOUT": "1.5",
        "LEEBOARD_MAX_BATCH_SIZE": "0",
    }  # fmt: skip
    config = build(settings(environment=environment).values())
    assert (config.path, config.workers.memory_bytes) == (Path("models"), 3 * MIB)
    assert (config.workers.cpus, config.workers.modules) == ((1, 2), ("shop",))
    assert (config.strict, config.exit_timeout_s) == (True, 1.5)
    assert config.batching.max_batch_size == 0


def test_paths_in_a_file_are_meant_from_its_folder(write: Any, tmp_path: Path) -> None:
    file = write("path: models\nready_file: /run/ready.json")
    found = settings(file=file)
    assert found["path"].value == tmp_path / "models"
    assert found["ready_file"].value == Path("/run/ready.json")


def test_an_empty_variable_and_an_empty_key_say_nothing(write: Any) -> None:
    found = settings(environment={"LEEBOARD_THREADS": ""}, file=write("warmup:\nlisten:\n"))
    assert {s.origin for s in found.values()} == {Origin.DEFAULT}


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("LEEBOARD_THREADS", "two", "LEEBOARD_THREADS: 'two' is not an integer"),
        ("LEEBOARD_THREADS", "1.0", "LEEBOARD_THREADS: '1.0' is not an integer"),
        ("LEEBOARD_EXIT_TIMEOUT", "soon", "'soon' is not a number"),
        ("LEEBOARD_STRICT", "maybe", "'maybe' is not true or false"),
        ("LEEBOARD_TREADS", "2", "unknown variable LEEBOARD_TREADS; did you mean "
         "LEEBOARD_THREADS?"),
        ("LEEBOARD_X", "2", "unknown variable LEEBOARD_X; `leeboard config schema` has"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_environment_is_named(
    variable: str, text: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(environment={variable: text})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("LEEBOARD_SERVICE_HOST", "10.0.0.7"),
        ("LEEBOARD_SERVICE_PORT_GRPC", "8001"),
        ("LEEBOARD_PORT", "tcp://10.0.0.7:8001"),
        ("LEEBOARD_GRPC_PORT", "tcp://10.0.0.7:8001"),
        ("LEEBOARD_PORT_8001_TCP_ADDR", "10.0.0.7"),
        ("LEEBOARD_MODULES", "shop"),
        ("PATH", "/bin"),
    ],
)
def test_variables_of_others_say_nothing(variable: str, text: str) -> None:
    found = settings(environment={variable: text})
    assert {s.origin for s in found.values()} == {Origin.DEFAULT}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("workers: {threads: two}", "workers.threads: 'two' is not an integer"),
        ("workers: {threads: true}", "workers.threads: True is not an integer"),
        ("workers: {threads: 1.5}", "workers.threads: 1.5 is not an integer"),
        ("workers: {worker_cpus: 2}", "workers.worker_cpus: 2 is not a text; write it in"),
        ("exit_timeout: yes", "exit_timeout: True is not a number"),
        ("strict: 1", "strict: 1 is not true or false"),
        ("warmup: 7", "warmup: 7 is not a path"),
        ("repository: {load_model: a}", "repository.load_model: 'a' is not a list of"),
        (
            "workers: {treads: 1}",
            "unknown key workers.treads; did you mean workers.threads?",
        ),
        ("threads: 1", "unknown key threads; did you mean workers.threads?"),
        ("worker: {threads: 1}", "unknown key worker"),
        ("workers: 3", "workers: it must be a mapping of keys"),
        ("[1]", "it must be keys with values"),
        ("a: [", "line "),
        ("strict: true\nstrict: true", "'strict' is there twice"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, words: str, write: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(file=write(text))
    assert "server.yaml" in str(caught.value)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read: No such file"):
        settings(file=tmp_path / "none.yaml")


def test_all_mistakes_of_both_are_told_at_once(write: Any) -> None:
    file = write("workers: {threads: two, treads: 1}\nstrict: 3")
    with pytest.raises(ConfigError) as caught:
        settings(environment={"LEEBOARD_INSTANCES": "one"}, file=file)
    assert str(caught.value).count(";") == 4  # Four mistakes, one with a remedy.


def test_of_very_many_mistakes_the_first_are_told() -> None:
    with pytest.raises(ConfigError, match=r"; and 2 more$"):
        settings(environment={f"LEEBOARD_Q{i}": "1" for i in range(12)})


def test_a_number_out_of_bounds_is_refused_with_the_place_that_said_it(write: Any) -> None:
    found = settings({"path": Path("m")}, file=write("workers: {threads: 0}"))
    with pytest.raises(ConfigError, match=r"--threads is 0; .* \(.*yaml: workers\.threads"):
        checked(list(found.values()))
    found = settings({"path": Path("m"), "threads": 0})
    with pytest.raises(ConfigError, match=r"--threads is 0; it must be 1 to 1024$"):
        checked(list(found.values()))


def test_a_secret_of_the_wrong_type_is_not_repeated() -> None:
    secret = Option("workers.threads", "A code.", secret=True)
    with pytest.raises(ConfigError) as caught:
        read_settings(Sources({}, {"LEEBOARD_THREADS": "hunter2"}, None, (secret,)))
    assert str(caught.value) == "LEEBOARD_THREADS: its value is not an integer"


def test_every_option_has_its_own_name_key_and_sentence() -> None:
    for names in (
        [o.name for o in OPTIONS], [o.field for o in OPTIONS], [o.key for o in OPTIONS]
    ):  # fmt: skip
        assert len(set(names)) == len(names)
    assert [o.name for o in OPTIONS if not o.meaning.endswith(".")] == []
    assert [o.name for o in OPTIONS if o.kind not in Kind] == []


def test_an_option_may_be_written_otherwise_than_it_is_held() -> None:
    option = Option("workers.memory_bytes", "x.", shown=Shown(Kind.NUMBER, 1.0, int))
    assert (option.kind, option.default, option.convert(2.5)) == (Kind.NUMBER, 1.0, 2)
    assert (option.flag, option.variable) == ("--memory-bytes", "LEEBOARD_MEMORY_BYTES")


def test_the_nearest_known_name_is_offered() -> None:
    assert unknown("listn.host", ["listen.host"], "key").endswith("mean listen.host?")
