"""What people do about followed models: freezes, restarts, two servers, what stays warm."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import tritonclient.grpc as triton

from runtime.errors import ServerError
from runtime.testing.models import save_mlp
from runtime.testing.waiting import wait_until
from tests.integration.shelf import (
    POLL,
    Shelf,
    answered_by,
    ask_server,
    following,
    model_status,
    onnx_times,
    stages,
    wait_for_stage,
    why_of,
)
from tests.integration.steady import Steady


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "registry")
    shelf.first("m")
    return shelf


def test_a_freeze_survives_a_restart_and_wins_over_the_alias(shelf: Shelf) -> None:
    with following(shelf) as server:
        said = ask_server(server, "freeze", "m", "--reason", "an incident")
        assert said == "m stays on version 1\n"
        shelf.next("m", 2)
        wait_until(lambda: model_status(server, "m").wanted == 2, "the alias was seen")
        assert stages(server, "m") == {1: "serving"}
        assert server.total("leeboard_frozen", model="m") == 1
    with following(shelf) as server:
        assert answered_by(server) == 1
        assert "on version 1 by" in model_status(server, "m").frozen
        assert "an incident" in ask_server(server, "versions", "m")
        assert ask_server(server, "unfreeze") == "m follows its alias\n"
        wait_for_stage(server, "m", 2, "serving")
        assert ask_server(server, "unfreeze") == "nothing was frozen here\n"


def test_a_freeze_in_the_registry_holds_all_servers(shelf: Shelf) -> None:
    other = str(shelf.folder.with_name("other-state"))
    with following(shelf) as one, following(shelf, "--state-dir", other) as two:
        shelf.push_times("m", 2)
        with shelf.open() as there:
            there.freeze("m", "quarter's end")
        for server in (one, two):
            wait_until(
                lambda s=server: "quarter's end" in model_status(s, "m").frozen,  # type: ignore[misc]
                "it is held",
            )
        with shelf.open() as there:
            there.unfreeze("m")
        shelf.point("m", 2)
        for server in (one, two):
            wait_for_stage(server, "m", 2, "serving")


def test_two_servers_follow_one_alias_and_each_others_rollback(shelf: Shelf) -> None:
    other = str(shelf.folder.with_name("other-state"))
    with (
        following(shelf) as one,
        following(shelf, "--state-dir", other) as two,
        Steady(one.grpc, "m", unary=1) as at_one,
        Steady(two.grpc, "m", unary=1) as at_two,
    ):
        at_one.expect(2)
        at_two.expect(2)
        shelf.next("m", 2)
        at_one.wait_for(2)
        at_two.wait_for(2)
        at_one.expect(1)
        at_two.expect(1)
        ask_server(one, "rollback", "m")
        at_one.wait_for(1)
        at_two.wait_for(1)
        assert two.total("leeboard_swaps_total", model="m", outcome="rolled_back") == 0


def test_a_state_folder_is_used_by_one_server_at_a_time(shelf: Shelf) -> None:
    with following(shelf), pytest.raises(ServerError, match="in use by another server"):
        following(shelf).__enter__()


def test_a_broken_champion_at_a_restart_leaves_what_served_last(shelf: Shelf) -> None:
    with following(shelf):
        pass
    broken = shelf.push_fault("m", load="raise")
    shelf.point("m", broken)
    with following(shelf) as server:
        wait_for_stage(server, "m", broken, "refused")
        assert answered_by(server) == 1
        assert stages(server, "m") == {1: "serving", broken: "refused"}
        assert "told to fail" in why_of(server, "m", broken)
        shelf.next("m", 3)
        wait_for_stage(server, "m", 3, "serving")


def test_a_champion_that_hangs_at_a_restart_keeps_nobody_waiting(shelf: Shelf) -> None:
    with following(shelf):
        pass
    hanging = shelf.push_fault("m", load="hang")
    shelf.point("m", hanging)
    with following(shelf) as server:  # Ready, though the load has minutes left.
        assert answered_by(server) == 1
        wait_for_stage(server, "m", hanging, "loading")
        shelf.point("m", 1)
        wait_until(lambda: model_status(server, "m").wanted == 1, "the alias was seen")
        assert stages(server, "m")[1] == "serving"


def test_a_successor_that_comes_at_a_restart_is_held_to_its_predecessor(
    shelf: Shelf,
) -> None:
    with following(shelf):
        pass
    narrow = save_mlp(shelf.folder.parent / "narrow.onnx", (5, 4)).read_bytes()
    shelf.point("m", shelf.push("m", {"model/model.onnx": narrow}))
    with following(shelf) as server:
        wait_for_stage(server, "m", 2, "refused")
        assert "input 'x' is FP32 [-1, 5]" in why_of(server, "m", 2)
        assert answered_by(server) == 1


def test_a_model_of_a_folder_and_one_that_is_followed(shelf: Shelf, tmp_path: Path) -> None:
    place = tmp_path / "models" / "folder" / "1"
    place.mkdir(parents=True)
    (place / "model.onnx").write_bytes(onnx_times(1))
    arguments = ("--model", "m", "--model-control-mode", "explicit", *POLL)
    loaded = (*arguments, "--load-model", "*")
    with (
        shelf.serving(*loaded, path=tmp_path / "models") as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        assert (answered_by(server, "folder"), answered_by(server, "m")) == (1, 1)
        for change in (client.load_model, client.unload_model):
            with pytest.raises(Exception, match="follows an alias of a registry: move"):
                change("m")
        client.unload_model("folder")
        client.load_model("folder")
        shelf.next("m", 2)
        wait_for_stage(server, "m", 2, "serving")
        assert (answered_by(server, "folder"), answered_by(server, "m")) == (1, 2)


def test_a_polled_folder_leaves_a_followed_model_alone(
    shelf: Shelf, tmp_path: Path
) -> None:
    place = tmp_path / "models" / "folder" / "1"
    place.mkdir(parents=True)
    (place / "model.onnx").write_bytes(onnx_times(1))
    polled = ("--model-control-mode", "poll", "--repository-poll-secs", "0.2")
    arguments = ("--model", "m", *polled, *POLL)
    with shelf.serving(*arguments, path=tmp_path / "models") as server:
        twin = tmp_path / "models" / "folder" / "2"
        twin.mkdir()
        (twin / "model.onnx").write_bytes(onnx_times(2))
        wait_until(lambda: answered_by(server, "folder") == 2, "the folder is followed")
        assert answered_by(server, "m") == 1


def test_how_long_versions_stay_warm_is_changed_while_it_runs(
    shelf: Shelf, tmp_path: Path
) -> None:
    config = tmp_path / "server.yaml"
    config.write_text("registry: {versions_to_keep: 2}\n")
    with following(shelf, "--config", str(config)) as server:
        for number in (2, 3, 4):
            shelf.next("m", number)
            wait_for_stage(server, "m", number, "serving")
        kept = {2: "warm", 3: "warm", 4: "serving"}
        wait_until(lambda: stages(server, "m") == kept, lambda: str(stages(server, "m")))
        config.write_text("registry: {versions_to_keep: 2, keep_warm: 0}\n")
        server.signal(signal.SIGHUP)
        wait_until(lambda: stages(server, "m") == {4: "serving"}, "no version is kept")
        shelf.next("m", 5)
        wait_for_stage(server, "m", 5, "serving")
        wait_until(lambda: stages(server, "m") == {5: "serving"}, "no version is kept")
        # What is not warm any more is loaded first.
        said = ask_server(server, "rollback", "m")
        assert said.startswith("m goes back from version 5 to 4")
        wait_for_stage(server, "m", 4, "serving")
        assert answered_by(server) == 4


def test_files_of_versions_that_nobody_needs_go(shelf: Shelf) -> None:
    with following(shelf, "--versions-to-keep", "0") as server:
        for number in (2, 3):
            shelf.next("m", number)
            wait_for_stage(server, "m", number, "serving")
        wait_until(
            lambda: len(list(shelf.state.rglob("model.onnx"))) == 1, "two of three are gone"
        )
        assert answered_by(server) == 3
