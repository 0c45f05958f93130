"""Options about what is seen of a server: its monitor, log, metrics and traces."""

from __future__ import annotations

from runtime.config import LOG_FORMATS, LOG_LEVELS, TRACE_EXPORTERS, TRACE_PROTOCOLS
from runtime.options.option import Option, Use

MONITORING = (
    Option(
        "monitoring.is_on",
        "Watch what is asked and answered for drift.",
        called="monitor",
    ),
    Option(
        "monitoring.interval_s",
        "Seconds between two looks at what came in.",
        called="monitor_interval",
    ),
    Option(
        "monitoring.file",
        "How models are watched, a YAML file.",
        called="monitor_file",
        use=Use.READS,
    ),
    Option(
        "monitoring.sinks",
        "Who is told of alarms: log, webhook:URL, alertmanager:URL.",
        called="alarm_sink",
    ),
    Option(
        "monitoring.secret",
        "A file with the secret that signs what webhooks are sent.",
        called="alarm_secret",
        use=Use.READS,
    ),
)
LOGS = (
    Option(
        "logs.format",
        f"How log lines look: {', '.join(LOG_FORMATS)}.",
        called="log_format",
        choices=LOG_FORMATS,
    ),
    Option(
        "logs.slow_request_ms",
        "A request that takes as long has a line of its own; 0: none has.",
        called="slow_request_ms",
        reloads=True,
    ),
    Option(
        "logs.level",
        f"What is logged, and what is worse: {', '.join(LOG_LEVELS)}.",
        called="log_level",
        choices=LOG_LEVELS,
        reloads=True,
    ),
)
SEEING = (
    Option(
        "metrics.triton_names",
        "Show Triton's metric names, too.",
        called="triton_metrics",
    ),
    Option(
        "tracing.exporter",
        "Where traces go: otlp or none; empty leaves it to OTEL_ variables.",
        called="trace_exporter",
        choices=TRACE_EXPORTERS,
    ),
    Option(
        "tracing.endpoint",
        "The collector, like http://collector:4317.",
        called="trace_endpoint",
    ),
    Option(
        "tracing.protocol",
        "How traces travel: grpc or http/protobuf.",
        called="trace_protocol",
        choices=TRACE_PROTOCOLS,
    ),
    Option(
        "tracing.share",
        "Share (0 to 1) of the requests to trace whose caller does not say.",
        called="trace_share",
    ),
    Option(
        "tracing.most_per_s",
        "Requests traced in a second, at most.",
        called="trace_rate",
    ),
)
