"""A bundle holds what can be had, names what cannot, and has no secrets."""

from __future__ import annotations

import json
import os
import stat
import tarfile
from pathlib import Path

import pytest

from runtime.errors import ConfigError, ServerError
from runtime.messages import ServerMetadataResponse
from runtime.operating.bundle import Asked, Entry, collect, write_bundle
from runtime.operating.looking import Metrics
from tests.unit.capacity.fakes import FakeServer

URL = "127.0.0.1:1"


def unpacked(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            assert (member.name.partition("/")[0], member.mode) == (
                "leeboard-support",
                0o600,
            )
            found[member.name.partition("/")[2]] = file.read()
    return found


def gone(asked: Asked) -> object:
    raise ServerError(f"{asked.url} cannot be reached")


def test_what_cannot_be_had_is_named_and_the_rest_is_there() -> None:
    makers = {"a.json": lambda _: {"x": 1}, "b.txt": gone, "c.txt": lambda _: "text"}
    manifest, a, b, c = collect(URL, Metrics(URL), makers=makers)
    missing = json.loads(manifest.content)["missing"]
    assert missing == {"b.txt": f"{URL} cannot be reached"}
    assert (json.loads(a.content), b.content, c.content) == ({"x": 1}, b"", b"text")


def test_without_a_server_the_machine_is_still_described() -> None:
    entries = {entry.name: entry for entry in collect(URL, Metrics(URL, "127.0.0.1:1"))}
    assert json.loads(entries["machine.json"].content)["processors"] == os.cpu_count()
    assert "numpy" in json.loads(entries["packages.json"].content)["packages"]
    missing = {name for name, entry in entries.items() if entry.trouble}
    assert missing == {"server.json", "models.json", "metrics.txt", "options.json",
                       "events.json", "processes.json"}  # fmt: skip


def test_a_server_is_asked_who_it_is() -> None:
    about = ServerMetadataResponse(name="leeboard", version="1.2")
    entries = collect(URL, Metrics(URL, URL), FakeServer(ServerMetadata=about).call)
    (server,) = (json.loads(e.content) for e in entries if e.name == "server.json")
    assert server == {"url": URL, "server": "leeboard 1.2"}


def test_a_bundle_is_whole_and_for_its_user_only(tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz"
    path.write_text("an older one")
    write_bundle(path, [Entry("a.txt", b"one"), Entry("b.txt", b"")], {})
    assert unpacked(path) == {"a.txt": b"one", "b.txt": b""}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["b.tar.gz"]


def test_secrets_of_the_environment_are_cut_out_whatever_put_them_there(
    tmp_path: Path,
) -> None:
    environment = {
        "LEEBOARD_TOKEN": "lb_hunter2hunter2", "DB_PASSWORD": "hunter2", "A_TOKEN": "x",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer abc", "HOME": "/nowhere",
    }  # fmt: skip
    text = b"lb_hunter2hunter2 hunter2 authorization=Bearer abc x /nowhere"
    write_bundle(tmp_path / "b", [Entry("a.txt", text)], environment)
    assert unpacked(tmp_path / "b") == {"a.txt": b"(secret) (secret) (secret) x /nowhere"}


def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write .*none/b: No such file"):
        write_bundle(tmp_path / "none" / "b", [], {})
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        write_bundle(tmp_path / "taken", [], {})
    assert os.listdir(tmp_path) == ["taken"]
