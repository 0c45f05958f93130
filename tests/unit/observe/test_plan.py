"""Options and OpenTelemetry's variables: who decides what."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from runtime.config import Logs, Tracing
from runtime.errors import ConfigError
from runtime.native.records import TraceOptions
from runtime.observe import plan as module
from runtime.observe.plan import GRPC, HTTP, Plan, is_installed, plan_of

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}


NOTHING = Tracing()


def plan(environ: Mapping[str, str] | None = None, tracing: Tracing = NOTHING) -> Plan:
    return plan_of(tracing, Logs(), environ or {})


def test_without_anything_nothing_is_traced() -> None:
    assert plan() == Plan()
    assert Plan().options == TraceOptions()


@pytest.mark.parametrize(
    ("environ", "tracing", "on"),
    [
        (ENDPOINT, NOTHING, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1"}, NOTHING, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, NOTHING, True),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, NOTHING, True),
        ({"OTEL_TRACES_EXPORTER": "none", **ENDPOINT}, NOTHING, False),
        ({"OTEL_TRACES_EXPORTER": "zipkin", **ENDPOINT}, NOTHING, False),
        ({"OTEL_SDK_DISABLED": "true", **ENDPOINT}, NOTHING, False),
        ({"OTEL_SDK_DISABLED": "true"}, Tracing(exporter="otlp"), False),
        ({"OTEL_SDK_DISABLED": "false", **ENDPOINT}, NOTHING, True),
        (ENDPOINT, Tracing(exporter="none"), False),
        ({}, Tracing(exporter="otlp"), True),
        ({}, Tracing(endpoint="http://c:4317"), True),
        ({"OTEL_TRACES_EXPORTER": "none"}, Tracing(exporter="otlp"), True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, NOTHING, False),
    ],
)
def test_what_turns_it_on(environ: Mapping[str, str], tracing: Tracing, on: bool) -> None:
    assert plan(environ, tracing).options.on is on


def test_another_exporter_is_named_in_the_log() -> None:
    (note,) = plan({"OTEL_TRACES_EXPORTER": "zipkin"}).notes
    assert "zipkin" in note


@pytest.mark.parametrize(
    ("environ", "tracing", "protocol"),
    [
        ({}, NOTHING, GRPC),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, NOTHING, HTTP),
        (
            {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
            },
            NOTHING,
            GRPC,
        ),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, Tracing(protocol=HTTP), HTTP),
        ({}, Tracing(endpoint="http://c:4318"), HTTP),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, NOTHING, HTTP),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, NOTHING, GRPC),
    ],
)
def test_how_spans_travel(
    environ: Mapping[str, str], tracing: Tracing, protocol: str
) -> None:
    made = plan({**ENDPOINT, **environ}, tracing)
    assert made.protocol == protocol
    assert bool(made.notes) == (environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "http/json")


@pytest.mark.parametrize(
    ("sampler", "argument", "expected"),
    [
        ("", "", (True, 1.0)),
        ("always_on", "", (False, 1.0)),
        ("always_off", "", (False, 0.0)),
        ("traceidratio", "0.25", (False, 0.25)),
        ("parentbased_always_on", "0.25", (True, 1.0)),
        ("parentbased_always_off", "", (True, 0.0)),
        ("parentbased_traceidratio", "0.01", (True, 0.01)),
        ("parentbased_traceidratio", "", (True, 1.0)),
        (" ParentBased_TraceIdRatio ", " 0.5 ", (True, 0.5)),
    ],
)
def test_the_sampler_is_opentelemetrys(
    sampler: str, argument: str, expected: tuple[bool, float]
) -> None:
    environ = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    made = plan({**ENDPOINT, **environ})
    assert (made.options.parent_based, made.options.share) == expected
    assert made.notes == ()


@pytest.mark.parametrize(
    ("environ", "share"),
    [
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, 1.0),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, 1.0),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"}, 1.0),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "x"}, 1.0),
    ],
)
def test_what_is_no_sampler_is_said(environ: Mapping[str, str], share: float) -> None:
    made = plan({**ENDPOINT, **environ})
    assert made.options.share == share
    assert len(made.notes) == 1


def test_our_options_come_first() -> None:
    environ = {"OTEL_TRACES_SAMPLER": "always_on", **ENDPOINT}
    options = plan(environ, Tracing(share=0.5, most_per_s=7.0)).options
    assert (options.share, options.most_per_s) == (0.5, 7.0)


def test_slow_requests_need_no_tracing() -> None:
    made = plan_of(Tracing(), Logs(slow_request_ms=250), {})
    assert made.options == TraceOptions(slow_ms=250)


@pytest.mark.parametrize(
    ("endpoint", "protocol", "complete"),
    [
        ("http://c:4317", GRPC, "http://c:4317"),
        ("http://c:4318/", HTTP, "http://c:4318/v1/traces"),
        ("http://c/otlp/v1/traces", HTTP, "http://c/otlp/v1/traces"),
    ],
)
def test_an_endpoint_is_made_complete(endpoint: str, protocol: str, complete: str) -> None:
    assert plan({}, Tracing(endpoint=endpoint, protocol=protocol)).endpoint == complete


def test_without_the_library_who_asked_hears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_installed", lambda name: False)
    with pytest.raises(ConfigError, match=r"pip install 'leeboard\[otel\]'"):
        plan({}, Tracing(exporter="otlp"))
    made = plan(ENDPOINT)
    assert not made.options.on
    assert "leeboard[otel]" in made.notes[0]


def test_a_module_below_one_that_is_missing_is_not_installed() -> None:
    assert not is_installed("no_such_package.below.it")
