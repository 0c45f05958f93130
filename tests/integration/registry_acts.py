"""What processes do with a registry until they are killed; see `killing`."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from runtime.registry.registry import Registry
from runtime.registry.source import RegistryError
from runtime.store.store import Store
from tests.integration.killing import Act, Tell

WAIT_S = 30.0


def push(folder: Path, seed: int, tell: Tell) -> None:
    """Push two versions of two files each, and the first of them again."""
    rng = Random(seed)
    store = Store.open(folder, WAIT_S)
    registry = Registry(store, "victim")
    files: dict[str, Path | bytes] = {
        "model/model.onnx": rng.randbytes(rng.randrange(1, 200_000)),
        "labels.txt": b"a\nb\n",
    }
    for notes in ("one", "two", "one"):
        pushed = registry.push("fraud", files, "onnx", notes=f"{seed} {notes}")
        tell(json.dumps({"number": pushed.number, "digest": pushed.digest}))
    store.close()


def alias(folder: Path, seed: int, tell: Tell) -> None:
    """Move the champion there and back, from the generation that was seen last."""
    store = Store.open(folder, WAIT_S)
    registry = Registry(store, "victim")
    for _ in range(3):
        before = registry.pointer("fraud", "champion")
        number = 1 if before.number == 2 else 2
        try:
            registry.alias("fraud", "champion", number, expected=before.generation)
        except RegistryError:
            continue  # Another one was quicker.
        told = {"number": number, "generation": before.generation + 1}
        tell(json.dumps(told))
    store.close()


def gc(folder: Path, seed: int, tell: Tell) -> None:
    """Collect all that nobody needs."""
    store = Store.open(folder / str(seed), WAIT_S)
    collected = Registry(store, "victim").gc(keep_last=1)
    tell(json.dumps([fate.number for fate in collected.archived]))
    store.close()


def decide(folder: Path, seed: int, tell: Tell) -> None:
    """Approve a version, reject another and freeze the model."""
    store = Store.open(folder / str(seed), WAIT_S)
    registry = Registry(store, "victim")
    registry.approve("fraud", 2, "fine")
    tell("approved")
    registry.reject("fraud", 1, "wide")
    tell("rejected")
    registry.freeze("fraud", "sale")
    tell("frozen")
    store.close()


ACTS: dict[str, Act] = {"push": push, "alias": alias, "gc": gc, "decide": decide}
