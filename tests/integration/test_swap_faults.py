"""Versions that should never have been published: refused while the old one serves on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import tritonclient.grpc as triton

from runtime.testing.models import save_mlp
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.shelf import (
    POLL,
    Shelf,
    audit_of,
    leeboard,
    model_status,
    onnx_times,
    wait_for_log,
    wait_for_stage,
    why_of,
)
from tests.integration.steady import Steady

LOAD_S = 12
LIMITS = ("--load-timeout", str(LOAD_S), "--worker-memory", "300")


@dataclass(frozen=True)
class Broken:
    """A candidate: who pushes it, and what must stand in the reason why it is refused."""

    push: Callable[[Shelf, str], int]
    reason: str
    base: Callable[[Shelf, str], int] = lambda shelf, model: shelf.push_times(model, 1)
    """Pushes what serves before."""

    after: Callable[[Shelf, str], int] | None = None
    """Pushes a good candidate; default: y = 3 * x."""


def narrow(shelf: Shelf, model: str) -> int:
    """A model of five columns whose manifest says that it takes four."""
    path = save_mlp(shelf.folder.parent / f"{model}.onnx", (5, 4))
    return shelf.push(model, {"model/model.onnx": path.read_bytes()})


def corrupt(shelf: Shelf, model: str) -> int:
    data = onnx_times(2)
    return shelf.push(model, {"model/model.onnx": data[: len(data) // 2]})


def fault(**about: object) -> Callable[[Shelf, str], int]:
    return lambda shelf, model: shelf.push_fault(model, **about)


def same(**more: object) -> Callable[[Shelf, str], int]:
    """A fault model without faults, whose answer has free dims: y = x."""
    return fault(free_answer=True, **more)


BROKEN = {
    "corrupt": Broken(corrupt, "Protobuf parsing failed"),
    "signature": Broken(narrow, "input 'x' is FP32 [-1, 5], and was FP32 [-1, 4]"),
    "nan": Broken(fault(always="not_a_number"), "not finite"),
    "crash": Broken(fault(load="crash"), "ended while loading the model"),
    "hang": Broken(fault(load="hang"), f"took over {LOAD_S} s"),
    "memory": Broken(fault(load="fill_memory"), "MemoryError"),
    "raise": Broken(fault(load="raise"), "told to fail"),
    "shape": Broken(same(always="wrong_shape"), "y", base=same(), after=same(width=4)),
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    shelf = Shelf(tmp_path_factory.mktemp("broken") / "registry")
    for name, broken in BROKEN.items():
        shelf.point(name, broken.base(shelf, name))
    return shelf


@pytest.fixture(scope="module")
def server(shelf: Shelf) -> Iterator[RunningServer]:
    follows = [word for name in BROKEN for word in ("--model", name)]
    with shelf.serving(*follows, *LIMITS, *POLL) as server:
        yield server
        server.assert_idle()


@pytest.fixture(scope="module")
def under_load(shelf: Shelf, server: RunningServer) -> Iterator[dict[str, Steady]]:
    """All candidates are published at once, while clients ask the old ones."""
    with ExitStack() as stack:
        clients = {
            name: stack.enter_context(Steady(server.grpc, name, unary=1, pause_s=0.05))
            for name in BROKEN
        }
        for client in clients.values():
            client.wait_for_more(10)
        for name, broken in BROKEN.items():
            shelf.point(name, broken.push(shelf, name))
        for name in BROKEN:
            wait_for_stage(server, name, 2, "refused")
        for client in clients.values():
            client.wait_for_more(10)
        yield clients


@pytest.mark.parametrize("name", BROKEN)
def test_the_old_version_serves_on_and_the_reason_is_told_everywhere(
    shelf: Shelf, server: RunningServer, under_load: dict[str, Steady], name: str
) -> None:
    reason = BROKEN[name].reason
    under_load[name].check()
    assert set(under_load[name].record.versions) == {1}
    assert model_status(server, name).serving == 1
    assert reason in why_of(server, name, 2)
    assert reason in wait_for_log(server, "ERROR", f"{name} version 2: refused")
    with triton.InferenceServerClient(server.grpc) as client:
        index = client.get_model_repository_index().models
    found = {(each.name, each.version): (each.state, each.reason) for each in index}
    assert found[name, "1"] == ("READY", "")
    assert found[name, "2"][0] == "UNAVAILABLE"
    assert reason in found[name, "2"][1]
    assert reason in leeboard("why", name, "--url", server.grpc)
    wait_until(lambda: told(shelf, name) is not None, "the audit log has it")
    assert reason in str(told(shelf, name))
    assert f"{name}/2" in audit_of(shelf)


def told(shelf: Shelf, name: str) -> str | None:
    """Return what the audit log keeps of the refusal."""
    rows = shelf.audited()
    return next((r[3] for r in rows if r[1:3] == ("refused", f"{name}/2")), None)


def test_good_candidates_go_through_afterwards(
    shelf: Shelf, server: RunningServer, under_load: dict[str, Steady]
) -> None:
    for name, broken in BROKEN.items():
        if broken.after is not None:
            continue
        under_load[name].expect(3)
        shelf.next(name, 3)
        under_load[name].wait_for(3)
        under_load[name].check()
        assert set(under_load[name].record.versions) == {1, 3}
        assert [v.number for v in model_status(server, name).versions] == [1, 3]
