"""What processes do with a store until they are killed; see `killing`."""

from __future__ import annotations

from pathlib import Path
from random import Random

from runtime.store import upgrade as upgrading
from runtime.store.backup import backup, restore
from runtime.store.store import Store
from runtime.store.tables import models
from tests.integration.killing import Act, Tell

TRANSACTIONS = 3
WAIT_S = 30.0


def write(folder: Path, seed: int, tell: Tell) -> None:
    """Put blobs and commit rows that need them, with two rows of the log for each."""
    rng = Random(seed)
    store = Store.open(folder, WAIT_S)
    for number in range(TRANSACTIONS):
        name = f"m{seed}-{number}"
        with store.blobs.keeping():
            digest, _ = store.blobs.put_bytes(rng.randbytes(rng.randrange(1, 200_000)))
            with store.writing("victim") as writing:
                writing.connection.execute(
                    models.insert().values(
                        namespace="default", name=name, policy=digest, frozen="",
                        created_at=writing.at, created_by=writing.actor,
                    )
                )  # fmt: skip
                writing.record("put", name, details=digest)
                writing.record("registered", name)
        tell(f"{name} {digest} {writing.head}")
    store.close()


def create(folder: Path, seed: int, tell: Tell) -> None:
    """Make a store."""
    store = Store.create(folder / str(seed), WAIT_S)
    tell("made")
    store.close()


def save(folder: Path, seed: int, tell: Tell) -> None:
    """Take a backup."""
    store = Store.open(folder / "registry", WAIT_S)
    saved = backup(store, folder / "b.tar")
    tell(str(saved.head))
    store.close()


def load(folder: Path, seed: int, tell: Tell) -> None:
    """Restore a backup."""
    saved = restore(folder / "b.tar", folder / str(seed))
    tell(str(saved.head))


def upgrade(folder: Path, seed: int, tell: Tell) -> None:
    """Upgrade a store by the migrations that lie beside it."""
    done = upgrading.upgrade(folder / str(seed), scripts=folder / "migrations")
    tell(done.after)


ACTS: dict[str, Act] = {
    "write": write,
    "create": create,
    "save": save,
    "load": load,
    "upgrade": upgrade,
}
