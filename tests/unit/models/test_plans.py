"""A model's own word goes before the server's."""

from __future__ import annotations

import json
from pathlib import Path

from runtime.backends.declared import Declared
from runtime.backends.plan import as_message, from_message
from runtime.config import Batching, Workers
from runtime.models.plans import batching_of, load_request, workers_of
from runtime.models.repository import ModelSource
from runtime.models.settings import NO_SETTINGS, ModelSettings

COMMON = Batching(None, 100, 50, 3.0)
OWN = ModelSettings(
    max_batch_size=0,
    max_queue_delay_us=0,
    max_queue_size=7,
    batch_timeout_s=1.5,
    instances=3,
    threads=2,
    backend="onnx",
    inputs=(Declared("x", "FP32", (3,)),),
    tolerances={"FP32": 0.1},
    options={"cache": "off"},
)


def test_what_a_model_does_not_say_is_the_servers() -> None:
    assert batching_of(NO_SETTINGS, COMMON) == COMMON
    assert workers_of(NO_SETTINGS, Workers(2, 4)) == Workers(2, 4)


def test_what_a_model_says_wins() -> None:
    assert batching_of(OWN, COMMON) == Batching(0, 0, 7, 1.5)
    workers = workers_of(OWN, Workers(1, 1, memory_bytes=5))
    assert (workers.instances, workers.threads, workers.memory_bytes) == (3, 2, 5)


def source(settings: ModelSettings) -> ModelSource:
    return ModelSource("m", "2", Path("m.onnx"), Path("w.npz"), settings, Path("g.npz"))


def test_a_worker_is_asked_for_what_both_say() -> None:
    batching, workers = batching_of(OWN, COMMON), workers_of(OWN, Workers(cpus=(1,)))
    request = load_request(source(OWN), batching, workers, Path("cache"))
    assert (request.name, request.limits.cpus) == ("m version 2", (1,))
    plan = request.plan
    assert (plan.path, plan.warmup, plan.golden) == (
        Path("m.onnx"), Path("w.npz"), Path("g.npz")
    )  # fmt: skip
    assert (plan.backend, plan.threads, plan.max_batch_size) == ("onnx", 2, 0)
    assert (plan.inputs, plan.options) == (OWN.inputs, {"cache": "off"})
    assert (plan.must_batch, plan.measured) == (False, False)


def test_a_worker_is_told_that_a_model_is_decoupled() -> None:
    plan = load_request(source(ModelSettings(decoupled=True)), COMMON, Workers(), None).plan
    assert plan.decoupled
    assert from_message(json.loads(json.dumps(as_message(plan)))).decoupled
    assert not load_request(source(NO_SETTINGS), COMMON, Workers(), None).plan.decoupled


def test_the_best_batch_is_measured_where_nobody_chose() -> None:
    request = load_request(source(NO_SETTINGS), COMMON, Workers(), None)
    assert (request.plan.max_batch_size, request.plan.measured) == (64, True)
    chosen = ModelSettings(close_rows=8)
    assert not load_request(source(chosen), COMMON, Workers(), None).plan.measured


def test_requests_are_recorded_unless_they_must_not_be_repeated() -> None:
    workers = Workers(recorded_bytes=7)
    assert load_request(source(NO_SETTINGS), COMMON, workers, None).recorded_bytes == 7
    acts = source(ModelSettings(retry=False))
    assert load_request(acts, COMMON, workers, None).recorded_bytes == 0


def test_a_batch_size_in_the_models_own_words_must_be_kept() -> None:
    own = ModelSettings(max_batch_size=8)
    batching = batching_of(own, COMMON)
    assert load_request(source(own), batching, Workers(), None).plan.must_batch
    common = load_request(source(NO_SETTINGS), Batching(8), Workers(), None)
    assert not common.plan.must_batch
