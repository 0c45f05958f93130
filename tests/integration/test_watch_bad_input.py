"""What a watched server does with bad input: every case is defined, told, and served.

Values that are no numbers, labels that cannot be meant, files that are damaged, a state
folder that goes away, a disk that is full: answers stay what they are without a monitor.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.control_client import ControlClient
from runtime.errors import ServerError
from runtime.messages import Message, message
from runtime.testing.models import save_identity
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until

Rows = npt.NDArray[np.float32]

MONITOR = """
models:
  probe:
    reference_rows: 300
    task: binary
    score: {output: y, column: 1}
    labels: {baseline: 50}
"""
BAD: dict[str, Rows] = {
    "NaN": np.full((8, 4), np.nan, np.float32),
    "infinities": np.array([[np.inf, -np.inf, np.inf, 0.0]] * 8, np.float32),
    "1e30": np.full((8, 4), 1e30, np.float32),
    "both largest floats": np.array([[3.4e38, -3.4e38, 1e-45, -0.0]] * 8, np.float32),
    "constants": np.ones((64, 4), np.float32),
    "one row": np.zeros((1, 4), np.float32),
}


def served(tmp_path: Path, state: Path, interval_s: float = 0.05) -> RunningServer:
    """Return a server of the identity that looks twenty times a second."""
    model = tmp_path / "models" / "probe" / "1" / "model.onnx"
    model.parent.mkdir(parents=True, exist_ok=True)
    save_identity(model)
    chosen = tmp_path / "monitor.yaml"
    chosen.write_text(MONITOR)
    return RunningServer(
        tmp_path / "models", "--monitor-file", str(chosen), "--state-dir", str(state),
        "--monitor-interval", str(interval_s), "--max-batch-size", "64",
    )  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("bad")
    with served(folder, folder / "state") as running:
        yield running


def ask(server: RunningServer, rows: Rows, name: str = "") -> Rows:
    given = triton.InferInput("x", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows)
    with triton.InferenceServerClient(server.grpc) as client:
        answer = client.infer("probe", [given], request_id=name)
    return np.asarray(answer.as_numpy("y"), np.float32)


def some_rows(n: int, seed: int) -> Rows:
    return np.random.default_rng(seed).uniform(size=(n, 4)).astype(np.float32)


def seen(server: RunningServer) -> float:
    return server.total("leeboard_monitor_rows_total")


def send(server: RunningServer, rows: Rows, name: str = "") -> None:
    """Have rows answered as they are, and wait until a look has taken them."""
    before = seen(server)
    answer = ask(server, rows, name)
    np.testing.assert_array_equal(answer.view(np.uint32), rows.view(np.uint32))
    wait_until(lambda: seen(server) == before + len(rows), "the rows are in a look")


def alarms(server: RunningServer, aspect: str, state: str = "firing") -> float:
    return server.total("leeboard_monitor_alarms", aspect=aspect, state=state)


def learned(server: RunningServer) -> None:
    """Have the version learn its reference, where it has none."""
    for seed in range(40):
        if server.total("leeboard_monitor_subjects") > 1:
            return
        send(server, some_rows(64, seed))
    raise AssertionError("there is no reference yet")


def push(server: RunningServer, *labels: dict[str, Any]) -> Message:
    request = message("leeboard.v1.PutLabelsRequest")()
    for each in labels:
        request.labels.add(model="probe", **each)
    response = message("leeboard.v1.PutLabelsResponse")
    with ControlClient(server.about["control"]) as client:
        return client.call("/leeboard.v1.Labels/PutLabels", request, response, 20.0)


def said(server: RunningServer, words: str) -> int:
    return sum(words in line for line in list(server.log))


def assert_calm(server: RunningServer) -> None:
    """No look has failed, and no thread or task ended with an exception."""
    assert not said(server, "failed"), "".join(server.log)
    assert not said(server, "Traceback"), "".join(server.log)


@pytest.mark.parametrize("rows", BAD.values(), ids=BAD)
def test_values_are_answered_as_they_are_and_all_are_counted(
    server: RunningServer, rows: Rows
) -> None:
    send(server, rows)
    assert_calm(server)


def test_an_empty_batch_is_nothing_to_a_watch(server: RunningServer) -> None:
    before = seen(server)
    with pytest.raises(InferenceServerException, match="INVALID_ARGUMENT"):
        ask(server, np.zeros((0, 4), np.float32))
    send(server, some_rows(3, 7))
    assert seen(server) == before + 3
    assert_calm(server)


@pytest.mark.parametrize(
    ("value", "aspect"), [(np.nan, "missing"), (-np.inf, "out_of_range")]
)
def test_what_is_no_number_is_an_alarm_of_its_own(
    server: RunningServer, value: float, aspect: str
) -> None:
    learned(server)
    rows = some_rows(64, 3)
    rows[:, 2] = value
    for _ in range(30):
        if alarms(server, aspect):
            break
        send(server, rows)
    assert alarms(server, aspect) == 2  # Of the input and of the output.
    assert_calm(server)


def test_labels_that_cannot_be_meant_are_counted_one_by_one(server: RunningServer) -> None:
    send(server, some_rows(2, 5), "known")
    now = time.time()
    given = [
        {"request_id": "known", "row": 0, "number": 1.0},
        {"request_id": "known", "row": 0, "number": 1.0},
        {"request_id": "known", "row": 0, "number": 0.0},
        {"request_id": "known", "row": 1, "number": 1.0, "time": now + 1e6},
        {"request_id": "known", "row": 1, "number": float("inf")},
        {"request_id": "known", "row": -1, "number": 1.0},
        {"request_id": "never", "row": 0, "number": 1.0, "time": now - 90_000.0},
        {"request_id": "soon", "row": 0, "number": 1.0},
    ]
    found = push(server, *given)
    counts = {f.name: v for f, v in found.ListFields() if f.name != "problems"}
    assert counts == {
        "accepted": 1, "duplicates": 1, "contradictions": 1, "from_future": 1,
        "invalid": 2, "unknown": 1, "early": 1,
    }  # fmt: skip
    # What was refused may still be said rightly.
    assert push(server, {"request_id": "known", "row": 1, "number": 0.0}).accepted == 1
    assert_calm(server)


def test_damaged_files_are_set_aside_and_the_server_serves(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with served(tmp_path, state) as running:
        send(running, some_rows(5, 1), "before")
    folder = state / "monitor"
    damaged = {
        "alarms.json": b'{"format": 1, "sha256": "0"}\n{}\n',
        "probe-1.watch.npz": b"PK\x03\x04 this was an archive",
        "journal/journal.db": b"SQLite format 3\0" + b"\xff" * 5_000,
        "harm.npz": b"",
        "quality.json": b"{",
    }
    for name, content in damaged.items():
        (folder / name).write_bytes(content)
    with served(tmp_path, state) as running:
        send(running, some_rows(5, 2), "after")
        assert push(running, {"request_id": "after", "number": 1.0}).accepted == 1
        assert not said(running, "Traceback"), "".join(running.log)
        for told in ("alarms.json cannot be read", "probe-1.watch.npz cannot be used"):
            assert said(running, told) == 1, "".join(running.log)
        assert said(running, "the prediction journal is damaged") == 1
    kept = {path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for name in ("alarms.json", "probe-1.watch.npz", "journal/journal.db"):
        assert damaged[name] in kept, name


def test_an_end_loses_nothing_that_was_answered_since_the_last_look(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    with served(tmp_path, state, interval_s=3_600.0) as running:
        ask(running, some_rows(3, 1), "last")
        assert running.stop() == 0
    with served(tmp_path, state) as running:
        labels = [{"request_id": "last", "row": row, "number": 1.0} for row in range(3)]
        assert push(running, *labels).accepted == 3
        assert seen(running) == 3
        assert_calm(running)


def test_a_state_folder_that_goes_away_stops_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with served(tmp_path, state) as running:
        learned(running)
        (state / "monitor").rename(tmp_path / "away")
        (state / "monitor").write_text("in the way")
        rows = some_rows(64, 3)
        rows[:, 1] += 5.0
        for _ in range(30):
            if alarms(running, "drift"):
                break
            send(running, rows)
        assert alarms(running, "drift") == 2
        send(running, some_rows(1, 4))
        assert running.stop() == 0
        assert not said(running, "Traceback"), "".join(running.log)
        assert said(running, "alarms cannot be written to") == 1
        assert said(running, "the monitor cannot write to") == 1


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two mebibytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill_up(disk: Path) -> None:
    with open(disk / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1_000))


def test_a_full_disk_loses_nothing_that_finds_room_again(
    tmp_path: Path, disk: Path
) -> None:
    with served(tmp_path, disk / "state") as running:
        send(running, some_rows(4, 1), "before")
        assert push(running, {"request_id": "before", "number": 1.0}).accepted == 1
        with pytest.raises(OSError, match="No space"):
            fill_up(disk)
        for n in range(16):
            ask(running, some_rows(64, n), f"during-{n}")
        wait_until(lambda: seen(running) == 4 + 16 * 64, "the rows are in a look")
        many = [
            {"request_id": f"during-{n}", "row": row, "number": 1.0}
            for n in range(16)
            for row in range(64)
        ]  # fmt: skip
        with pytest.raises(ServerError, match=r"RESOURCE_EXHAUSTED.*disk.*full.*again"):
            push(running, *many[:999])
        send(running, some_rows(64, 99), "still")
        assert said(running, "the prediction journal cannot be written") == 1
        (disk / "filler").unlink()
        assert push(running, *many[:999]).accepted == 999
        assert push(running, {"request_id": "still", "number": 1.0}).accepted == 1
        assert not said(running, "Traceback"), "".join(running.log)


def test_scrapes_never_meet_a_look_half_way(server: RunningServer) -> None:
    """Scrapes come from threads of their own while looks change what they show."""
    errors: list[Exception] = []

    def scrape() -> None:
        try:
            for _ in range(40):
                assert "leeboard_monitor_rows_total" in server.get("/metrics")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=scrape) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        ask(server, some_rows(32, 1))
    for thread in threads:
        thread.join()
    assert not errors
    assert not said(server, "got no answer"), "".join(server.log)
    assert_calm(server)
