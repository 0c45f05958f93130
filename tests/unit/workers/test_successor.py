"""What a successor must show, with requests that its predecessor was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from runtime.backends.base import FREE, Array, Signature, TensorSpec
from runtime.errors import InputError, ModelError
from runtime.testing.fake_backend import ONE_TO_ONE, FakeBackend, FakeResponder
from runtime.workers.recorded import Request, Seen, Shape
from runtime.workers.successor import (
    BUDGET_S,
    CORRECT,
    MOST_NOTES,
    Replay,
    compare_signatures,
    usable,
    warm_rows,
)

ANY = replace(ONE_TO_ONE, outputs=(TensorSpec("y", "FP32", (FREE, FREE)),))
Answer = Callable[[dict[str, Array]], dict[str, Array]]


def request(value: float, rows: int = 1, dims: int = 4, finite: bool = True) -> Request:
    """A request of equal values whose answer had so many columns."""
    x = np.full((rows, 4), value, np.float32)
    return Request({"x": x}, rows, (Seen("y", (dims,), finite),))


def shape(*requests: Request) -> Shape:
    return Shape((TensorSpec("x", "FP32", (4,)),), True, requests)


def same(arrays: dict[str, Array]) -> dict[str, Array]:
    return {"y": arrays["x"]}


def without(bad: float, how: Answer) -> Answer:
    """Answer as `how` where a row begins with `bad`, else with what came."""
    return lambda arrays: (how if (arrays["x"][:, 0] == bad).any() else same)(arrays)


def narrow(arrays: dict[str, Array]) -> dict[str, Array]:
    return {"y": arrays["x"][:, :3]}


def infinite(arrays: dict[str, Array]) -> dict[str, Array]:
    return {"y": np.full_like(arrays["x"], np.inf)}


def fail(arrays: dict[str, Array]) -> dict[str, Array]:
    raise InputError("not this one")


def test_the_same_signature_is_no_difference() -> None:
    assert compare_signatures(ONE_TO_ONE, ONE_TO_ONE, lenient=False) == []


def test_a_signature_that_clients_would_notice_is_refused_with_the_remedy() -> None:
    with pytest.raises(ModelError) as caught:
        compare_signatures(ONE_TO_ONE, replace(ONE_TO_ONE, outputs=()), lenient=False)
    assert "clients would notice: output 'y' (FP32 [-1, 4]) is gone" in str(caught.value)
    assert str(caught.value).endswith("or allow it with --allow-signature-change")
    allowed = compare_signatures(ONE_TO_ONE, replace(ONE_TO_ONE, outputs=()), lenient=True)
    assert allowed == ["output 'y' (FP32 [-1, 4]) is gone"]


def test_every_request_runs_alone_and_then_with_others() -> None:
    backend = FakeBackend(ANY, same)
    shapes = [shape(request(1), request(2)), shape(*(request(n, 3) for n in range(5, 9)))]
    found = Replay(backend, largest=8).run(shapes)
    assert found == "6 of 6 requests of 2 shapes, batches of 6, 2 rows"
    assert backend.batches == [3, 1, 3, 1, 3, 3, 6, 2]
    firsts = [seen["x"][:, 0].tolist() for seen in backend.seen]
    assert firsts[:4] == [[8, 8, 8], [2], [7, 7, 7], [1]]
    assert firsts[-2:] == [[8, 8, 8, 7, 7, 7], [2, 1]]


def test_rows_that_may_not_be_joined_are_not() -> None:
    backend = FakeBackend(ANY, same)
    found = Replay(backend, largest=0).run([shape(request(1), request(2, 2))])
    assert found == "2 of 2 requests of 1 shape"
    assert backend.batches == [2, 1]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (narrow, "output 'y' has the shape [3], and of the serving version [4]"),
        (infinite, "output 'y' is not finite, and was of the serving version"),
        (fail, "the model fails with InputError; the log has its words"),
    ],
)
def test_the_request_that_is_answered_otherwise_is_named(how: Answer, words: str) -> None:
    backend = FakeBackend(ANY, without(13, how))
    requests = [request(1), request(13, 2), request(2)]
    with pytest.raises(ModelError) as caught:
        Replay(backend, largest=8).run([shape(*requests)])
    assert str(caught.value) == f"recorded request 2 of 3 (x [2, 4]): {words}; {CORRECT}"


def test_what_a_model_says_of_a_request_is_said_in_the_log_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(ModelError) as caught:
        Replay(FakeBackend(ANY, fail), largest=8).run([shape(request(1))])
    assert "not this one" not in str(caught.value)
    assert "InputError: not this one" in caplog.text


def test_what_goes_wrong_in_a_batch_only_is_found() -> None:
    def spoilt(arrays: dict[str, Array]) -> dict[str, Array]:
        return infinite(arrays) if len(arrays["x"]) > 2 else same(arrays)

    with pytest.raises(ModelError, match=r"3 recorded requests in one batch .* not finite"):
        Replay(FakeBackend(ANY, spoilt), 8).run([shape(*map(request, range(3)))])


def test_an_answer_that_was_not_finite_need_not_be() -> None:
    asked = shape(request(1), request(13, finite=False))
    found = Replay(FakeBackend(ANY, without(13, infinite)), largest=8).run([asked])
    assert found == "2 of 2 requests of 1 shape, batches of 2 rows"


def test_dims_that_the_values_decide_may_be_others() -> None:
    varied = shape(request(1, dims=2), request(2, dims=9))
    Replay(FakeBackend(ANY, same), largest=8).run([varied])
    with pytest.raises(ModelError, match=r"has the shape \[4\], .* \[9\]"):
        Replay(FakeBackend(ANY, same), largest=8).run([shape(request(2, dims=9))])


def test_a_rank_that_differs_is_another_shape() -> None:
    flat = Request({"x": np.zeros((1, 4), np.float32)}, 1, (Seen("y", (), True),))
    with pytest.raises(ModelError, match=r"has the shape \[4\], .* \[\]"):
        Replay(FakeBackend(ANY, same), largest=8).run([shape(flat)])


def test_what_differs_and_is_allowed_is_noted_a_few_times() -> None:
    replay = Replay(FakeBackend(ANY, narrow), largest=0, lenient=True)
    assert replay.run([shape(*map(request, range(9)))]) == "9 of 9 requests of 1 shape"
    assert len(replay.notes) == MOST_NOTES + 1
    assert replay.notes[0].startswith("recorded request 1 of 9 (x [1, 4]): output 'y' has")
    assert replay.notes[-1] == "9 recorded requests differ in all"


def test_an_output_that_is_gone_and_may_be_is_not_looked_at() -> None:
    asked = replace(request(1), outputs=(Seen("z", (4,), True),))
    assert Replay(FakeBackend(ANY, same), 8).run([shape(asked)]).startswith("1 of 1")


class Clock:
    """Goes on by so much whenever a batch is run."""

    def __init__(self, backend: FakeBackend, per_row_s: float) -> None:
        self._backend, self._per_row_s = backend, per_row_s

    def __call__(self) -> float:
        return sum(self._backend.batches) * self._per_row_s


def replayed(per_row_s: float, count: int = 20) -> tuple[str, list[int]]:
    backend = FakeBackend(ANY, same)
    clock = Clock(backend, per_row_s)
    found = Replay(backend, 64, clock=clock).run([shape(*map(request, range(count)))])
    return found, backend.batches


def test_a_slow_model_runs_as_many_as_there_is_time_for() -> None:
    found, batches = replayed(0.06)
    # Seven tenths of it alone, and in one batch no more than the rest.
    assert found == "9 of 20 requests of 1 shape, batches of 2 rows"
    assert batches == [1] * 9 + [2]
    assert sum(batches) * 0.06 <= BUDGET_S


def test_of_the_slowest_model_one_request_is_run() -> None:
    assert replayed(60.0) == ("1 of 20 requests of 1 shape", [1])


def test_a_decoupled_model_only_has_to_answer() -> None:
    asked = shape(replace(request(1), outputs=()), replace(request(13), outputs=()))
    backend = FakeResponder(ANY)
    assert Replay(backend, 8).run([asked]) == "2 of 2 requests of 1 shape"
    backend.fail_on = lambda _: True

    class Failing(FakeResponder):
        def wait(self) -> None:
            raise ModelError("told to fail")

    with pytest.raises(
        ModelError, match=r"recorded request 1 of 2 .* fails with ModelError"
    ):
        Replay(Failing(ANY), 8).run([asked])


SPECS = {
    "x": TensorSpec("x", "FP32", (FREE, 4)),
    "mask": TensorSpec("mask", "BOOL", (FREE,), optional=True),
}
TAKES = Signature("fake", tuple(SPECS.values()), (), batchable=True)


@pytest.mark.parametrize(
    ("signature", "others"),
    [
        (TAKES, 0),
        (replace(TAKES, inputs=(replace(SPECS["x"], datatype="INT32"),)), 2),
        (replace(TAKES, inputs=(replace(SPECS["x"], shape=(FREE, 5)),)), 2),
        (replace(TAKES, inputs=(replace(SPECS["x"], shape=(2, 4)),)), 1),
        (replace(TAKES, inputs=(SPECS["x"], replace(SPECS["mask"], optional=False))), 2),
        (replace(TAKES, inputs=(SPECS["mask"],)), 2),
    ],
)
def test_requests_that_a_signature_does_not_take_are_left_out(
    signature: Signature, others: int
) -> None:
    kept, count = usable([shape(request(1), request(2, 2))], signature)
    assert (count, sum(len(s.requests) for s in kept)) == (others, 2 - others)
    assert len(kept) == (1 if others < 2 else 0)


def test_a_model_is_warmed_with_rows_that_were_answered_finitely() -> None:
    old, new = shape(request(1)), shape(request(2), request(3, 2), request(4, finite=False))
    rows = warm_rows([old, new], TAKES)
    assert rows is not None
    assert rows["x"][:, 0].tolist() == [3, 3, 2]
    rows = warm_rows([old, shape(request(4, finite=False))], TAKES)
    assert rows is not None
    assert rows["x"][:, 0].tolist() == [1]
    assert warm_rows([], TAKES) is None


def test_a_model_without_rows_is_warmed_with_one_request() -> None:
    fixed = replace(TAKES, batchable=False)
    whole = Shape((SPECS["x"],), False, [replace(request(n, 2), rows=None) for n in (1, 2)])
    rows = warm_rows([whole], fixed)
    assert rows is not None
    assert rows["x"][:, 0].tolist() == [2, 2]
    assert warm_rows([whole], TAKES) is None
