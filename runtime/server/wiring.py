"""Builds what guards the server and changes its models, out of a whole `Config`.

A part of `runtime.app`, apart from it because it has nothing to do with a server's life.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector

from runtime import logs
from runtime.access.decisions import AccessTable
from runtime.access.exposure import Exposure
from runtime.addresses import is_local
from runtime.config import NO_PORT, Config, parse_address
from runtime.metrics import certificate_family, control_family, identity_families
from runtime.metrics.exposition import Family, Scrape
from runtime.models.manager import ModelManager
from runtime.models.settings import ModelSettings
from runtime.models.swapping.swaps import Swaps
from runtime.native.access import identity_counts
from runtime.native.server import Server as Plane
from runtime.observe.observer import Observer
from runtime.server import following
from runtime.server.access_guard import AccessGuard
from runtime.server.certificates import Certificates, files_of
from runtime.server.control import ControlServer, Guard
from runtime.server.control_services import Service
from runtime.server.health_service import HealthService
from runtime.server.labels_service import LabelsService
from runtime.server.model_changes import ModelChanges
from runtime.server.models_service import ModelsService
from runtime.server.monitor_service import MonitorService
from runtime.server.monitoring import ServerMonitor
from runtime.server.numbers import Numbers
from runtime.server.reflection_service import ReflectionService
from runtime.server.repository_calls import RepositoryCalls, why_refused
from runtime.server.server_service import About, ServerService
from runtime.server.versions_service import VersionsService


def exposed(config: Config) -> Exposure:
    """Return what is listened on, and how that is guarded."""
    control, has_tls = config.control, config.tls.certificate is not None
    also = [parse_address(text, has_tls) for text in config.listen.also]
    also = [each for each in also if not each.path]
    in_clear = any(not each.tls and not is_local(each.host) for each in also)
    return Exposure(
        (config.listen.host, *(each.host for each in also)),
        None if control.port == NO_PORT else control.host,
        has_tls=has_tls and not in_clear,
        has_tokens=config.access.tokens is not None,
        insecure=config.access.insecure,
    )


def roots_of(config: Config) -> tuple[str, ...]:
    """Return how the places of models may be written in errors, the longest first."""
    folders: list[Path] = []
    if config.path is not None:
        folders.append(config.path.parent if config.path.is_file() else config.path)
    folders += following.places_of(config.registry, config.listen.grpc_port)
    places = {str(f.resolve()) for f in folders} | {str(f.absolute()) for f in folders}
    return tuple(sorted(places - {"/"}, key=len, reverse=True))


def make_swaps(app: Running, names: Collection[str]) -> Swaps | None:
    """Return what follows the registry, if anything does.

    Raises ConfigError where one of the `names`, which the folder has, is to follow it too.
    """
    if not app.config.registry.models:
        return None
    following.check_names(app.config.registry, names)
    return following.make_swaps(app.config, app.manager, lambda: app.config.registry.poll_s)


def make_monitor(app: Running) -> ServerMonitor | None:
    """Return what watches the models, where that is wanted.

    What it knows outlives the server where that has a folder of its own.
    """
    config = app.config
    if not config.monitoring.is_on:
        return None
    folder = None
    if config.registry.models or config.registry.state is not None:
        own = following.state_folder(config.registry, config.listen.grpc_port)
        folder = own / "monitor"
    return ServerMonitor(config.monitoring, app.manager, app.plane, folder)


def changes_of(
    app: Running, settings_of: Callable[[str, str], ModelSettings]
) -> tuple[ModelChanges, RepositoryCalls]:
    """Return what changes models for the control port, and for the gRPC port.

    On the control port only the mode may forbid it: who reaches that port from elsewhere
    has shown a token already.
    """
    config, swaps = app.config, app.swaps
    roots, has_tokens = roots_of(config), config.access.tokens is not None
    followed = swaps.models if swaps else frozenset()

    def made(is_near: bool) -> ModelChanges:
        refused = why_refused(config.repository, is_near, has_tokens)
        return ModelChanges(app.manager, settings_of, refused, roots, followed)

    remote = made(is_local(config.listen.host))
    return made(True), RepositoryCalls(remote, app.plane, app.access.identity_of)


class Running(Protocol):
    """What is made of, and told of, a running server."""

    config: Config
    plane: Plane
    manager: ModelManager
    observer: Observer
    certificates: Certificates | None
    access: AccessGuard
    changes: ModelChanges
    control: ControlServer | None
    swaps: Swaps | None
    monitor: ServerMonitor | None

    @property
    def http_port(self) -> int:
        """The port of the HTTP endpoint; 0 before it listens."""

    def is_ready(self) -> bool:
        """Whether models serve and no drain has begun."""


def features_of(config: Config) -> list[str]:
    """Return words for what is switched on, for `leeboard server info`."""
    on = {
        "tls": config.tls.certificate is not None,
        "client-certificates": config.tls.client_ca is not None,
        "tokens": config.access.tokens is not None,
        "insecure": config.access.insecure,
        "repository-rpc": config.repository.rpc,
        "registry": bool(config.registry.models),
        "monitor": config.monitoring.is_on,
        f"model-control-{config.repository.mode}": True,
    }
    return [name for name, is_on in on.items() if is_on]


def make_control(app: Running, more: Sequence[Service] = ()) -> ControlServer:
    """Return the control server with our services and `more` of them, not yet open."""
    started_at = time.time()

    def about() -> About:
        return About(
            started_at,
            app.plane.port,
            app.http_port,
            app.control.port if app.control else 0,
            app.is_ready(),
            features_of(app.config),
            names,
        )

    ours: list[Service] = [ServerService(about), ModelsService(app.changes), *more]
    if app.swaps is not None:
        ours.append(VersionsService(app.swaps, app.changes.roots))
    if app.monitor is not None:
        ours.append(MonitorService(app.monitor.monitor))
        labelled = app.monitor.labelled
        if labelled is not None:
            ours.append(LabelsService(labelled.journal, labelled.books, app.changes.roots))
    names = [service.name for service in ours]
    health = HealthService(names, app.is_ready)
    names += [health.name, ReflectionService(()).name]
    services = [
        *ours, health, ReflectionService(names), ReflectionService(names, alpha=True)
    ]  # fmt: skip

    def table() -> AccessTable | None:
        return app.access.table

    config = app.config
    return ControlServer(
        config.control.host,
        config.control.port,
        Guard(services, table, app.changes.roots),
        files_of(config.tls),
    )


def scrape_of(app: Running) -> Scrape:
    """Return what /metrics shows, of every part that counts."""

    def others() -> Iterator[Family]:
        yield from app.observer.families()
        yield from identity_families(identity_counts(app.plane))
        if app.swaps is not None:
            yield from following.swap_families(app.swaps)
        if app.monitor is not None:
            yield from app.monitor.families()
        if app.control is not None:
            yield control_family(app.control.counts)
        if app.certificates is not None:
            yield certificate_family(app.certificates.not_after)

    numbers = Numbers(
        app.plane,
        app.manager,
        app.observer.exemplars,
        others,
        app.config.metrics.triton_names,
    )
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return Scrape(numbers.families, registry)


def renew(certificates: Certificates, plane: Plane) -> str:
    """Load certificates again; they say themselves what has come of it."""
    certificates.reload(plane.set_tls)
    return ""


def reloads_of(app: Running) -> Iterator[tuple[str, Callable[[Config], str]]]:
    """Yield what SIGHUP loads again: its name, and what takes the new options in."""
    certificates = app.certificates

    def log_level(config: Config) -> str:
        before = logs.shown_level()
        logs.set_level(config.logs.level)
        name = logging.getLevelName(before).lower()
        return f"{name} -> {config.logs.level}" if logs.shown_level() != before else ""

    def slow_requests(config: Config) -> str:
        ms = config.logs.slow_request_ms
        return f"from {ms:g} ms" if app.observer.set_slow_ms(ms) else ""

    def keeping(config: Config) -> str:
        return following.keep_by(app.swaps, config.registry) if app.swaps else ""

    yield "log level", log_level
    yield "kept versions", keeping
    yield "slow requests", slow_requests
    yield "tokens", lambda _: app.access.reload()
    if certificates is not None:
        yield "certificates", lambda _: renew(certificates, app.plane)
