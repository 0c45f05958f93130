"""Versions take each other's place while clients ask, and no client notices."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tritonclient.grpc as triton

from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors
from tests.integration.shelf import (
    POLL,
    Shelf,
    ask_server,
    model_status,
    stages,
    wait_for_log,
    wait_for_stage,
)
from tests.integration.steady import Steady

SWAPS = 14
BY_COMMAND = (4, 9)
"""Swaps for which another process moves the alias by a command."""


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "registry")


@pytest.fixture
def server(shelf: Shelf) -> Iterator[RunningServer]:
    """A server on the champion of `m`, which must be idle afterwards."""
    shelf.first("m")
    with shelf.serving("--model", "m@champion") as server:
        yield server
        server.assert_idle()


def move_by_command(shelf: Shelf, model: str, number: int) -> None:
    command = ["-m", "runtime.cli", "registry", "--dir", str(shelf.folder), "alias"]
    subprocess.run(
        [sys.executable, "-P", *command, model, "champion", str(number)],
        check=True, timeout=60, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def test_clients_see_every_swap_and_no_fault(shelf: Shelf, server: RunningServer) -> None:
    last = 1 + SWAPS
    with Steady(server.grpc, "m", unary=2, streams=2) as steady:
        steady.wait_for_more(50)
        for number in range(2, last + 1):
            steady.expect(number)
            assert shelf.push_times("m", number) == number
            if number in BY_COMMAND:
                move_by_command(shelf, "m", number)
            else:
                shelf.point("m", number)
            steady.wait_for(number)
            steady.wait_for_more(20)
    assert set(steady.record.versions) == set(range(1, last + 1))
    wait_until(lambda: set(stages(server, "m")) == {last - 1, last}, "the others have gone")
    assert stages(server, "m")[last - 1] == "warm"
    assert server.total("leeboard_swaps_total", model="m", outcome="swapped") == last
    told = [f"m/{number}" for number in range(1, last + 1)]
    wait_until(lambda: [r[2] for r in shelf.audited() if r[1] == "swapped"] == told, "told")


def test_a_decoupled_model_is_swapped_between_requests(shelf: Shelf) -> None:
    shelf.push_decoupled("parts", 1)
    shelf.point("parts", 1)
    with (
        shelf.serving("--model", "parts") as server,
        Steady(server.grpc, "parts", unary=0, streams=2, parts=3) as steady,
    ):
        for number in range(2, 6):
            steady.expect(number)
            assert shelf.push_decoupled("parts", number) == number
            shelf.point("parts", number)
            steady.wait_for(number)
        steady.wait_for_more(30)
    assert set(steady.record.versions) == set(range(1, 6))


def test_going_back_and_forth_is_seen_by_all_and_fails_nobody(
    shelf: Shelf, server: RunningServer
) -> None:
    with Steady(server.grpc, "m") as steady:
        steady.expect(2)
        shelf.next("m", 2)
        steady.wait_for(2)
        for number in (1, 2, 1):
            steady.expect(number)
            said = ask_server(server, "rollback", "m", "--reason", "it was wrong")
            assert f"to {number} at once (" in said
            steady.wait_for(number)
            wait_until(lambda n=number: model_status(server, "m").wanted == n, "it is told")  # type: ignore[misc]
            assert model_status(server, "m").frozen == ""
        with shelf.open() as there:
            pointer = there.pointer("m", "champion")
        assert (pointer.number, pointer.previous, pointer.reason) == (1, 2, "it was wrong")
        # What was rolled back can come again: the alias is moved as ever.
        steady.expect(3)
        shelf.next("m", 3)
        steady.wait_for(3)
        told = [(f"m/{number}", "it was wrong") for number in (1, 2, 1)]
        wait_until(
            lambda: [r[2:] for r in shelf.audited() if r[1] == "rolled-back"] == told,
            lambda: f"{told} in {shelf.audited()}",
        )


def test_an_alias_that_moves_during_a_load_is_followed_to_its_end(
    shelf: Shelf, server: RunningServer
) -> None:
    with Steady(server.grpc, "m") as steady:
        for number in range(2, 7):
            steady.expect(number)
            shelf.next("m", number)
        steady.wait_for(6)
        steady.wait_for_more(100)
    wait_until(lambda: stages(server, "m").get(6) == "serving", "the last one serves")
    wait_until(lambda: len(stages(server, "m")) <= 2, "what nobody wanted has gone")


def test_who_names_a_version_gets_that_while_it_is_there(
    shelf: Shelf, server: RunningServer
) -> None:
    with triton.InferenceServerClient(server.grpc) as client:
        shelf.next("m", 2)
        wait_for_stage(server, "m", 2, "serving")
        wait_for_stage(server, "m", 1, "warm")
        for version, factor in (("", 2), ("1", 1), ("2", 2)):
            answer = client.infer("m", tensors(x=rows(1)), model_version=version)
            assert answer.as_numpy("y").tolist() == (rows(1) * factor).tolist()


def test_models_are_swapped_at_the_same_time_and_apart_from_each_other(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.first("a", "b")
    arguments = ("--model", "a", "--model", "b@champion", *POLL)
    with (
        shelf.serving(*arguments) as server,
        Steady(server.grpc, "a", unary=1) as a,
        Steady(server.grpc, "b", unary=1) as b,
    ):
        for number in (2, 3, 4):
            for steady in (a, b):
                steady.expect(number)
                shelf.next(steady.model, number)
            for steady in (a, b):
                steady.wait_for(number)
        ask_server(server, "freeze", "a", "--reason", "hold")
        shelf.next("a", 5)
        b.expect(5)
        shelf.next("b", 5)
        b.wait_for(5)
        wait_for_log(server, "a version 5: alias moved")
        a.wait_for_more(20)
        assert model_status(server, "a").serving == 4
    assert 5 not in a.record.versions


def test_a_larger_model_beside_a_swap_keeps_its_own(shelf: Shelf, tmp_path: Path) -> None:
    """A worker that answers a request of the old version is not ended before it has."""
    shelf.push_fault("slow", delay_s=0.3)
    shelf.push_times("slow", 2)
    shelf.point("slow", 1)
    arguments = ("--model", "slow", "--versions-to-keep", "0", *POLL)
    with (
        shelf.serving(*arguments) as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        answers: list[object] = []

        def hear(result: object, error: object) -> None:
            answers.append(error or result)

        client.async_infer("slow", tensors(x=rows(1)), hear)
        wait_until(lambda: server.total("leeboard_server_live_calls") > 0, "it is asked")
        shelf.point("slow", 2)
        wait_for_stage(server, "slow", 2, "serving")
        wait_until(lambda: bool(answers), "the old version has answered")
        (answer,) = answers
        assert isinstance(answer, triton.InferResult), answer
        assert answer.get_response().model_version == "1"
        wait_until(lambda: set(stages(server, "slow")) == {2}, "the old version has gone")
