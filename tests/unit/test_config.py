"""Numbers that make sense pass; others are refused with the option's name."""

from __future__ import annotations

import os
from math import nan
from pathlib import Path

import pytest

from runtime.config import (
    MIB,
    Batching,
    Config,
    Control,
    Listen,
    Logs,
    Registry,
    Tracing,
    Workers,
    check,
    parse_cpus,
)
from runtime.errors import ConfigError

HERE = Path()


@pytest.mark.parametrize(
    "config",
    [
        Config(HERE),
        Config(HERE, Listen(grpc_port=0, http_port=0), exit_timeout_s=0),
        Config(HERE, Listen(grpc_port=65535, http_port=65535), exit_timeout_s=86_400),
        Config(HERE, batching=Batching(0, 0, 1)),
        Config(HERE, batching=Batching(4096, 60_000_000, 1_000_000)),
        Config(HERE, workers=Workers(1, 1)),
        Config(HERE, workers=Workers(256, 1024)),
        Config(HERE, workers=Workers(memory_bytes=MIB << 30)),
        Config(HERE, batching=Batching(batch_timeout_s=86_400)),
        Config(HERE, workers=Workers(cpus=tuple(os.sched_getaffinity(0)))),
        Config(HERE, logs=Logs("json", "debug", 86_400_000.0)),
        Config(HERE, tracing=Tracing("otlp", "https://c:4317", "http/protobuf", 1.0, 0)),
        Config(HERE, tracing=Tracing("none", share=0.0, most_per_s=1_000_000)),
        Config(None, registry=Registry("reg", ("m",))),
        Config(HERE, registry=Registry("reg")),
        Config(HERE, registry=Registry(poll_s=0.1, keep_warm_s=0, most_warm=0)),
        Config(HERE, registry=Registry(poll_s=86_400, keep_warm_s=31_536_000)),
        Config(HERE, registry=Registry(most_warm=64, swap="replace")),
    ],
)
def test_every_bound_is_allowed(config: Config) -> None:
    check(config)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            Config(HERE, batching=Batching(-1)),
            "--max-batch-size is -1; it must be 0 to 4096",
        ),
        (Config(HERE, batching=Batching(4097)), "--max-batch-size is 4097"),
        (Config(HERE, batching=Batching(8, -1)), "--max-queue-delay-us is -1"),
        (Config(HERE, batching=Batching(8, 60_000_001)), "must be 0 to 60000000"),
        (
            Config(HERE, batching=Batching(8, 0, 0)),
            "--max-queue-size is 0; it must be 1 to",
        ),
        (Config(HERE, batching=Batching(8, 0, 1_000_001)), "--max-queue-size is 1000001"),
        (Config(HERE, workers=Workers(0)), "--instances is 0; it must be 1 to 256"),
        (Config(HERE, workers=Workers(257)), "--instances is 257"),
        (Config(HERE, workers=Workers(1, 0)), "--threads is 0; it must be 1 to 1024"),
        (Config(HERE, workers=Workers(1, 1025)), "--threads is 1025"),
        (Config(HERE, workers=Workers(memory_bytes=-1)), "--worker-memory is -1"),
        (
            Config(HERE, workers=Workers(memory_bytes=MIB << 31)),
            "--worker-memory is 2147483648",
        ),
        (Config(HERE, workers=Workers(recorded_bytes=-1)), "--recorded-memory is -1"),
        (
            Config(HERE, workers=Workers(recorded_bytes=4097 * MIB)),
            "--recorded-memory is 4097; it must be 0 to 4096",
        ),
        (Config(HERE, batching=Batching(batch_timeout_s=-1)), "--batch-timeout is -1"),
        (
            Config(HERE, batching=Batching(batch_timeout_s=86_401)),
            "--batch-timeout is 86401",
        ),
        (
            Config(HERE, workers=Workers(cpus=(0, 9998))),
            "processor 9998 is not ours to use",
        ),
        (Config(HERE, Listen(grpc_port=-1)), "--grpc-port is -1; it must be 0 to 65535"),
        (Config(HERE, Listen(http_port=65536)), "--http-port is 65536"),
        (Config(HERE, control=Control(port=-2)), "--control-port is -2; it must be -1 to"),
        (Config(HERE, exit_timeout_s=-0.5), "--exit-timeout is -0.5; it must be 0 to"),
        (Config(HERE, exit_timeout_s=nan), "--exit-timeout is nan"),
        (Config(HERE, logs=Logs("xml")), "--log-format 'xml' is not known; choose one of "),
        (
            Config(HERE, logs=Logs(level="INFO")),
            "choose one of debug, info, warning, error",
        ),
        (Config(HERE, logs=Logs(slow_request_ms=-1)), "--slow-request-ms is -1"),
        (Config(HERE, tracing=Tracing("zipkin")), "choose one of none, otlp"),
        (Config(HERE, tracing=Tracing(protocol="http")), "--trace-protocol 'http' is not"),
        (Config(HERE, tracing=Tracing(share=1.5)), "--trace-share is 1.5; it must be 0 to"),
        (Config(HERE, tracing=Tracing(share=nan)), "--trace-share is nan"),
        (Config(HERE, tracing=Tracing(most_per_s=-1)), "--trace-rate is -1"),
        (
            Config(HERE, tracing=Tracing(endpoint="c:4317")),
            "--trace-endpoint 'c:4317' is no",
        ),
        (Config(HERE, registry=Registry(poll_s=0.09)), "--registry-poll-secs is 0.09"),
        (Config(HERE, registry=Registry(poll_s=nan)), "--registry-poll-secs is nan"),
        (Config(HERE, registry=Registry(keep_warm_s=-1)), "--keep-warm is -1; it must be"),
        (Config(HERE, registry=Registry(most_warm=65)), "--versions-to-keep is 65"),
        (Config(HERE, registry=Registry(swap="never")), "--swap 'never' is not known"),
        (Config(HERE, registry=Registry("", ("m",))), "--model m needs --registry"),
        (Config(None), "there is nothing to serve: give PATH, or --registry and --model"),
        (Config(None, registry=Registry("reg")), "--registry needs --model NAME@ALIAS"),
    ],
)
def test_a_number_out_of_bounds_is_refused_by_its_option(
    config: Config, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        check(config)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("", ()), ("3", (3,)), ("0,2-4", (0, 2, 3, 4)), ("4,1", (1, 4)), ("5-5", (5,)),
        ("1,1-2", (1, 2)), ("2,", (2,)),
    ],
)  # fmt: skip
def test_a_list_of_processors_is_read(text: str, cpus: tuple[int, ...]) -> None:
    assert parse_cpus(text) == cpus


@pytest.mark.parametrize(
    "text",
    ["all", "1-", "-1", "1-2-3", "5-2", "1 2", "1.5", "\N{SUPERSCRIPT TWO}",
     "\N{FULLWIDTH DIGIT TWO}", "0-99999999999"],
)  # fmt: skip
def test_what_is_no_list_of_processors_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--worker-cpus .* is no list like 2,4-7"):
        parse_cpus(text)
