"""Builds what follows a registry out of a whole `Config`, and counts what it does.

A part of `runtime.app`, apart from it because most servers need none of it: nothing heavy
is imported before a registry is asked for.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from runtime.config import Config, Registry
from runtime.errors import ConfigError
from runtime.metrics.exposition import COUNTER, GAUGE, Family, labels
from runtime.models.manager import ModelManager
from runtime.models.swapping.errands import Errands
from runtime.models.swapping.followed import Followed
from runtime.models.swapping.local_state import LocalState
from runtime.models.swapping.policy import Keeping
from runtime.models.swapping.records import Rules
from runtime.models.swapping.server_hands import ServerHands
from runtime.models.swapping.swaps import Follow, Swaps
from runtime.printable import escaped
from runtime.registry.references import parse_reference
from runtime.registry.source import CHAMPION, Happened, RegistryError, Source

LINGER_S = 2.0
"""How long after a swap a version that is not kept any more is given back."""


def follows_of(registry: Registry) -> list[Follow]:
    """Return what is to be served from a registry; raises ConfigError."""
    found: dict[str, Follow] = {}
    for text in registry.models:
        try:
            reference = parse_reference(text)
        except RegistryError as error:
            raise ConfigError(f"--model {escaped(text)}: {error}") from error
        if reference.number:
            raise ConfigError(
                f"--model {text} names one version; a server follows an alias, like "
                f"{reference.model}@{CHAMPION}"
            )
        if reference.model in found:
            raise ConfigError(f"--model names {reference.model!r} twice")
        alias = reference.alias or CHAMPION
        found[reference.model] = Follow(reference.model, alias)
    return list(found.values())


def check_names(registry: Registry, names: Collection[str]) -> None:
    """Raise ConfigError where a model of the folder, one of `names`, is to follow, too."""
    twice = [follow.model for follow in follows_of(registry) if follow.model in names]
    if twice:
        raise ConfigError(
            f"the model {twice[0]!r} lies in the folder and is to follow the registry; "
            "rename it there, or leave out its --model"
        )


def state_folder(registry: Registry, port: int) -> Path:
    """Return the server's own folder: as said, or where the system keeps such things."""
    if registry.state is not None:
        return registry.state
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / "registry"
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "leeboard" / str(port)


def places_of(registry: Registry, port: int) -> list[Path]:
    """Return the folders on this machine that versions come from and are kept in."""
    from runtime.registry.sources import parsed

    if not registry.place:
        return []
    kind, place = parsed(registry.place)
    own = state_folder(registry, port)
    return [own] if kind == "mlflow" else [Path(place), own]


def rules_of(registry: Registry) -> Rules:
    """Return how long versions stay warm, and whether a gap in service is allowed."""
    keeping = Keeping(registry.keep_warm_s, registry.most_warm, LINGER_S)
    return Rules(keeping, registry.swap == "replace")


def make_swaps(
    config: Config, manager: ModelManager, poll_s: Callable[[], float]
) -> Swaps | None:
    """Return what follows the registry, or None where nothing is to be followed.

    Raises ConfigError when the registry's name makes no sense, or the server's own folder
    cannot be had. A registry that is not there is no error: it may come.
    """
    from runtime.registry.sources import open_source

    registry, port = config.registry, config.listen.grpc_port
    follows = follows_of(registry)
    server = f"{socket.gethostname()}:{port or os.getpid()}"

    def opened() -> Source:
        return open_source(registry.place, registry.namespace, server)

    source = opened()
    state = LocalState(state_folder(registry, port))
    threads = Errands("registry"), Errands("local-state")
    swaps: list[Swaps] = []

    def tell(happened: Happened) -> None:
        swaps[0].note(happened)

    def make(follow: Follow) -> Followed:
        hands = ServerHands(follow.model, opened(), manager, state, threads[1])
        known = state.known(follow.model)
        if known.pointer is not None and known.pointer.alias != follow.alias:
            known = type(known)(None, known.number, known.digest, known.frozen)
        return Followed(follow.model, hands, known, rules_of(registry), tell)

    made = {follow: make(follow) for follow in follows}
    swaps.append(Swaps(source, made, state, threads, server, poll_s))
    return swaps[0]


def keep_by(swaps: Swaps, registry: Registry) -> str:
    """Have all models kept by other rules from now on; returns what has changed."""
    rules, changed = rules_of(registry), False
    for followed in swaps.follows.values():
        changed = changed or followed.rules != rules
        followed.rules = rules
        followed.settle()
    keeping = rules.keeping
    return f"{keeping.most} for {keeping.warm_s:g} s each" if changed else ""


def swap_families(swaps: Swaps) -> Iterator[Family]:
    """Yield the families of what follows a registry."""
    reachable = Family("leeboard_registry_up", GAUGE, "The registry answers.")
    reachable.add("", int(swaps.reachable))
    yield reachable
    head = Family(
        "leeboard_registry_audit_head", GAUGE, "Rows of the registry's audit log."
    )
    if swaps.head:
        rows, _, digest = swaps.head.partition(":")
        head.add(labels(hash=digest), int(rows))
    yield head
    ended = Family("leeboard_swaps", COUNTER, "Swaps of versions by outcome.")
    took = Family(
        "leeboard_swap_seconds", GAUGE, "How long the last swap took, by its phases."
    )
    stages = Family("leeboard_version_stage", GAUGE, "What a followed version is to us.")
    frozen = Family("leeboard_frozen", GAUGE, "The model stays as it is.")
    for followed in swaps.follows.values():
        model = followed.model
        for outcome, count in list(followed.timings.outcomes.items()):
            ended.add(labels(model=model, outcome=outcome), count)
        for phase, seconds in list(followed.timings.seconds.items()):
            took.add(labels(model=model, phase=phase), seconds)
        for number, kept in list(followed.kept.items()):
            who = labels(model=model, version=str(number), stage=kept.stage.value)
            stages.add(who, 1)
        frozen.add(labels(model=model), int(followed.frozen is not None))
    yield from (ended, took, stages, frozen)
