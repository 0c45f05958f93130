"""Kills processes at every point of what they do with a store, and at random moments.

A module of tests has `ACTS`: functions by name that are given a folder, a seed, and
`tell`, by which they acknowledge what must be there whatever comes after. `Victims` runs
them in forks of one warmed process::

    with Victims("tests.integration.store_acts") as victims:
        for run in at_every_point(victims, "write", lambda seed: folder):
            ...  # run.told was acknowledged before the end.

Points are those of `runtime.store.points`, and each statement of SQL.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, event

from runtime.store.points import on_point, reached

LIMIT_S = 60.0
ROOT = Path(__file__).resolve().parents[2]

Tell = Callable[[str], None]
Act = Callable[[Path, int, Tell], None]


@dataclass(frozen=True, slots=True)
class Run:
    """How one process ended: ``killed`` or ``done``, what it told, which points it passed.

    Points are known of a process that was done. `at` is the point that killed it, 0 for
    none; `took_s` is the time from its fork to its end.
    """

    seed: int
    ended: str
    told: list[str]
    points: list[str]
    at: int = 0
    took_s: float = 0.0


class Victims:
    """Runs the acts of a module in processes that are killed on the way."""

    def __init__(self, module: str) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.killing", module],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
        )  # fmt: skip

    def run(
        self, act: str, folder: Path, seed: int, *, at: int = 0, after_s: float = LIMIT_S
    ) -> Run:
        """Run an act, killed at its N-th point, or after a time; raises on its errors."""
        self.begin(act, folder, seed, at=at, after_s=after_s)
        return self.end()

    def begin(
        self, act: str, folder: Path, seed: int, *, at: int = 0, after_s: float = LIMIT_S
    ) -> None:
        """Begin a run and do not wait for its end."""
        assert self._server.stdin
        asked = {
            "act": act,
            "folder": str(folder),
            "seed": seed,
            "at": at,
            "after": after_s,
        }
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()

    def end(self) -> Run:
        """Wait for the end of the run that was begun."""
        assert self._server.stdout
        answer = json.loads(self._server.stdout.readline())
        if error := answer.pop("error"):
            raise AssertionError(error)
        return Run(**answer)

    def __enter__(self) -> Victims:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.close()
        self._server.wait(LIMIT_S)
        self._server.stdout.close()


def at_every_point(
    victims: Victims, act: str, folder_of: Callable[[int], Path], first_seed: int = 1
) -> Iterator[Run]:
    """Run an act once to its end, which is yielded too, then kill one at each point.

    `folder_of` gives the folder for a seed; each process has the next seed.
    """
    whole = victims.run(act, folder_of(first_seed), first_seed)
    assert whole.ended == "done"
    yield whole
    for at in range(1, len(whole.points) + 1):
        seed = first_seed + at
        yield victims.run(act, folder_of(seed), seed, at=at)


def at_random_times(
    victims: Victims,
    act: str,
    folder_of: Callable[[int], Path],
    kills: int,
    first_seed: int = 10_001,
) -> Iterator[Run]:
    """Kill processes at random times of an act, as long as the first one took."""
    whole = victims.run(act, folder_of(first_seed), first_seed)
    assert whole.ended == "done"
    rng = Random(first_seed)
    for seed in range(first_seed + 1, first_seed + 1 + kills):
        after_s = rng.uniform(0.0, whole.took_s)
        yield victims.run(act, folder_of(seed), seed, after_s=after_s)


def count_statements() -> None:
    """Make a point of each statement that SQLAlchemy runs."""

    def on_statement(*given: Any) -> None:
        reached("sql")

    event.listen(Engine, "before_cursor_execute", on_statement)
    event.listen(Engine, "after_cursor_execute", on_statement)


def act_in_child(act: Act, asked: dict[str, Any], pipe: int) -> None:
    """Do the act in this process, and write what is told and passed to a pipe."""

    def write(kind: str, value: object) -> None:
        os.write(pipe, (json.dumps([kind, value]) + "\n").encode())

    passed: list[str] = []

    def on_reached(name: str) -> None:
        passed.append(name)
        if len(passed) == asked["at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    on_point(on_reached)
    count_statements()
    try:
        act(Path(asked["folder"]), asked["seed"], lambda text: write("told", text))
        write("points", passed)
    except BaseException:
        write("error", traceback.format_exc())


def read_until(pipe: int, ends: float) -> bytes:
    """Read a pipe to its end, or until a moment."""
    content = b""
    while (left := ends - time.monotonic()) > 0:
        if not select.select([pipe], [], [], left)[0]:
            break
        piece = os.read(pipe, 1 << 20)
        if not piece:
            break
        content += piece
    return content


def serve_one(acts: dict[str, Act], asked: dict[str, Any]) -> dict[str, Any]:
    """Fork, kill when it is time, and say how it ended."""
    begun = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        act_in_child(acts[asked["act"]], asked, writing)
        os._exit(0)
    os.close(writing)
    content = read_until(reading, begun + asked["after"])
    took_s = time.monotonic() - begun
    # Also one that has ended: it is a zombie until it is waited for.
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    content += read_until(reading, time.monotonic() + LIMIT_S)
    os.close(reading)
    lines = [json.loads(line) for line in content.decode().splitlines()]
    found: dict[str, list[Any]] = {"told": [], "points": [], "error": []}
    for kind, value in lines:
        found[kind].append(value)
    is_done = bool(found["points"]) or os.WIFEXITED(status)
    return {
        "seed": asked["seed"],
        "at": asked["at"],
        "ended": "done" if is_done else "killed",
        "told": found["told"],
        "points": found["points"][0] if found["points"] else [],
        "error": "\n".join(found["error"]),
        "took_s": took_s,
    }


def main() -> None:
    """Serve runs as lines of JSON until the input ends."""
    acts: dict[str, Act] = import_module(sys.argv[1]).ACTS
    for line in sys.stdin:
        sys.stdout.write(json.dumps(serve_one(acts, json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
