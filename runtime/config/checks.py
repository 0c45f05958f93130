"""Whether a Config makes sense; the errors name the options as people write them."""

from __future__ import annotations

import os

from runtime.config.addresses import parse_address
from runtime.config.sections import (
    COMPRESSIONS,
    LOG_FORMATS,
    LOG_LEVELS,
    MIB,
    MODES,
    NO_PORT,
    SWAPS,
    TRACE_EXPORTERS,
    TRACE_PROTOCOLS,
    Config,
    Repository,
    Tls,
)
from runtime.errors import ConfigError


def check(config: Config) -> None:
    """Raise ConfigError, naming the option, when a number makes no sense."""
    batching, workers = config.batching, config.workers
    size = batching.max_batch_size
    bounds = (
        ("--max-batch-size", 0 if size is None else size, 0, 4096),
        ("--max-queue-delay-us", batching.max_queue_delay_us, 0, 60_000_000),
        ("--max-queue-size", batching.max_queue_size, 1, 1_000_000),
        ("--batch-timeout", batching.batch_timeout_s, 0, 86_400),
        ("--worker-memory", workers.memory_bytes // MIB, 0, 1 << 30),
        ("--recorded-memory", workers.recorded_bytes // MIB, 0, 4096),
        ("--load-timeout", workers.load_timeout_s, 1, 86_400),
        ("--repository-poll-secs", config.repository.poll_s, 0.1, 86_400),
        ("--registry-poll-secs", config.registry.poll_s, 0.1, 86_400),
        ("--keep-warm", config.registry.keep_warm_s, 0, 31_536_000),
        ("--versions-to-keep", config.registry.most_warm, 0, 64),
        ("--instances", workers.instances, 1, 256),
        ("--threads", workers.threads, 1, 1024),
        ("--grpc-port", config.listen.grpc_port, 0, 65535),
        ("--http-port", config.listen.http_port, 0, 65535),
        ("--control-port", config.control.port, NO_PORT, 65535),
        ("--monitor-interval", config.monitoring.interval_s, 0.01, 3600),
        ("--slow-request-ms", config.logs.slow_request_ms, 0, 86_400_000),
        ("--trace-rate", config.tracing.most_per_s, 0, 1_000_000),
        ("--trace-share", config.tracing.share or 0, 0, 1),
        ("--exit-timeout", config.exit_timeout_s, 0, 86_400),
    )
    for option, value, lowest, highest in bounds:
        if not lowest <= value <= highest:
            raise ConfigError(f"{option} is {value}; it must be {lowest} to {highest}")
    check_choices(config)
    check_repository(config.repository)
    check_registry(config)
    check_transport(config)
    if strange := set(workers.cpus) - os.sched_getaffinity(0):
        raise ConfigError(f"--worker-cpus: processor {min(strange)} is not ours to use")


def check_transport(config: Config) -> None:
    """Raise ConfigError when listeners, TLS or times contradict each other."""
    tls, transport = config.tls, config.transport
    bounds = (
        ("--handshake-timeout", transport.handshake_timeout_s, 0.1),
        ("--keepalive-time", transport.keepalive_time_s, 0),
        ("--keepalive-timeout", transport.keepalive_timeout_s, 1),
        ("--max-connection-age", transport.max_connection_age_s, 0),
        ("--max-connection-age-grace", transport.max_connection_age_grace_s, 0),
        ("--max-connection-idle", transport.max_connection_idle_s, 0),
        ("--tls-poll-secs", tls.poll_s, 0.1),
        ("--compression-level", transport.compression_level, 1),
    )
    for option, value, lowest in bounds:
        highest = 9 if option == "--compression-level" else 31_536_000
        if not lowest <= value <= highest:
            raise ConfigError(f"{option} is {value}; it must be {lowest} to {highest}")
    if transport.compress_replies not in COMPRESSIONS:
        raise ConfigError(
            f"--compress-replies {transport.compress_replies!r} is not known; choose one "
            f"of {', '.join(COMPRESSIONS)}"
        )
    check_tls(tls)
    for text in config.listen.also:
        parse_address(text, tls.certificate is not None)


def check_tls(tls: Tls) -> None:
    """Raise ConfigError for a certificate, a key or authorities without the others."""
    if (tls.certificate is None) != (tls.key is None):
        raise ConfigError("--tls-certificate and --tls-key go together")
    if tls.client_ca is not None and tls.certificate is None:
        raise ConfigError("--tls-client-ca needs --tls-certificate and --tls-key")


def check_choices(config: Config) -> None:
    """Raise ConfigError, naming the option, when a word is none of those it may be."""
    choices = (
        ("--swap", config.registry.swap, SWAPS),
        ("--log-format", config.logs.format, LOG_FORMATS),
        ("--log-level", config.logs.level, LOG_LEVELS),
        ("--trace-exporter", config.tracing.exporter, TRACE_EXPORTERS),
        ("--trace-protocol", config.tracing.protocol, TRACE_PROTOCOLS),
    )
    for option, choice, known in choices:
        if choice not in known:
            raise ConfigError(
                f"{option} {choice!r} is not known; choose one of "
                f"{', '.join(filter(None, known))}"
            )
    endpoint = config.tracing.endpoint
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ConfigError(
            f"--trace-endpoint {endpoint!r} is no address like http://collector:4317"
        )


def check_repository(repository: Repository) -> None:
    """Raise ConfigError when the options contradict each other."""
    if repository.mode not in MODES:
        raise ConfigError(
            f"--model-control-mode {repository.mode!r} is not known; choose one of "
            f"{', '.join(MODES)}"
        )
    if repository.load and repository.mode != "explicit":
        raise ConfigError(
            f"--load-model goes with --model-control-mode explicit, not {repository.mode}"
        )


def check_registry(config: Config) -> None:
    """Raise ConfigError when nothing is served, or models follow no registry."""
    registry = config.registry
    if registry.models and not registry.place:
        raise ConfigError(
            f"--model {registry.models[0]} needs --registry: where its versions come from"
        )
    if config.path is None and not registry.place:
        raise ConfigError("there is nothing to serve: give PATH, or --registry and --model")
    if config.path is None and not registry.models:
        raise ConfigError(
            "--registry needs --model NAME@ALIAS for each model to serve, or PATH"
        )
