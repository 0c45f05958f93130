"""What a person can choose, as frozen data. Only `app` and `cli` see a whole Config."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import ConfigError

MIB = 1 << 20
CPU = re.compile("[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the server listens; port 0 takes a free one."""

    host: str = "127.0.0.1"
    grpc_port: int = 8001
    http_port: int = 8002


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the front end: messages, budgets, connections, streams."""

    max_message_bytes: int = 256 * MIB
    connection_budget_bytes: int = 512 * MIB
    server_budget_bytes: int = 1024 * MIB
    max_connections: int = 4096
    max_concurrent_streams: int = 1024


@dataclass(frozen=True, slots=True)
class Batching:
    """How requests of one version become batches.

    `max_batch_size` None lets the model decide (64 where batching is proven, else 0);
    `max_queue_size` bounds the requests that wait for a worker. A batch that takes longer
    than `batch_timeout_s` has its worker ended; 0 lets the batches so far decide.
    """

    max_batch_size: int | None = None
    max_queue_delay_us: int = 0
    max_queue_size: int = 4096
    batch_timeout_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Workers:
    """Worker processes of each version and the memory they share with the front end.

    `memory_bytes` bounds a worker's own memory and `cpus` names its processors; 0 and an
    empty tuple leave it unbound. Without `forks` every worker is a fresh interpreter.
    `modules` are the packages whose factories may make a model's module.
    """

    instances: int = 1
    threads: int = 1
    input_bytes: int = 512 * MIB
    output_bytes: int = 512 * MIB
    load_timeout_s: float = 600.0
    memory_bytes: int = 0
    cpus: tuple[int, ...] = ()
    forks: bool = True
    modules: tuple[str, ...] = ()


MODES = ("none", "explicit", "poll")


@dataclass(frozen=True, slots=True)
class Repository:
    """Which models are loaded, and when.

    `mode` none loads all at the start and nothing later, explicit loads `load` (``*`` is
    all) and then what is asked for, poll follows the folder, looking every `poll_s`. Asking
    over gRPC needs `rpc` where others than this machine can reach the port.
    """

    mode: str = "none"
    load: tuple[str, ...] = ()
    poll_s: float = 2.0
    rpc: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """All of it."""

    path: Path
    listen: Listen = Listen()
    limits: Limits = Limits()
    batching: Batching = Batching()
    workers: Workers = Workers()
    repository: Repository = Repository()
    warmup: Path | None = None
    cache_dir: Path | None = None
    ready_file: Path | None = None
    exit_timeout_s: float = 30.0
    strict: bool = False


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
        ("--load-timeout", workers.load_timeout_s, 1, 86_400),
        ("--repository-poll-secs", config.repository.poll_s, 0.1, 86_400),
        ("--instances", workers.instances, 1, 256),
        ("--threads", workers.threads, 1, 1024),
        ("--grpc-port", config.listen.grpc_port, 0, 65535),
        ("--http-port", config.listen.http_port, 0, 65535),
        ("--exit-timeout", config.exit_timeout_s, 0, 86_400),
    )
    for option, value, lowest, highest in bounds:
        if not lowest <= value <= highest:
            raise ConfigError(f"{option} is {value}; it must be {lowest} to {highest}")
    check_repository(config.repository)
    if strange := set(workers.cpus) - os.sched_getaffinity(0):
        raise ConfigError(f"--worker-cpus: processor {min(strange)} is not ours to use")


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


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return the processors that a list names; raises ConfigError.

    Examples
    --------
    >>> parse_cpus("0,2-4")
    (0, 2, 3, 4)
    """
    cpus: set[int] = set()
    for part in filter(None, text.split(",")):
        first, dash, last = part.partition("-")
        ends = [first, last] if dash else [first, first]
        if not all(CPU.fullmatch(end) for end in ends) or int(ends[0]) > int(ends[1]):
            raise ConfigError(f"--worker-cpus {text!r} is no list like 2,4-7")
        cpus.update(range(int(ends[0]), int(ends[1]) + 1))
    return tuple(sorted(cpus))
