"""Two processes at once: numbers have no gap and no move is lost unnoticed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from runtime.registry.registry import Registry
from tests.unit.registry.made import pushed

ROUNDS = 25
LIMIT_S = 60

BEGIN = """
import json, sys
from pathlib import Path
from runtime.registry.registry import Registry
from runtime.registry.source import RegistryError
from runtime.store.store import Store
who, folder, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
registry = Registry(Store.open(folder, 30.0), who)
done = []
"""
PUSH = (
    BEGIN
    + """
for round in range(rounds):
    for content in (f"{who} {round}", f"both {round}"):
        files = {"model/model.onnx": content.encode()}
        pushed = registry.push("fraud", files, "onnx")
        done.append([content, pushed.number, pushed.is_new])
print(json.dumps(done))
"""
)
MOVE = (
    BEGIN
    + """
while len(done) < rounds:
    seen = registry.pointer("fraud", "champion")
    try:
        moved = registry.alias("fraud", "champion", 3 - seen.number,
                               expected=seen.generation)
    except RegistryError as error:
        assert "its generation is" in str(error), error
        continue
    done.append(moved.generation)
print(json.dumps(done))
"""
)


def both(program: str, folder: Path) -> list[list[list[object]]]:
    """What two processes that run a program print."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, who, str(folder), str(ROUNDS)],
            stdout=subprocess.PIPE,
        )
        for who in ("kate", "bob")
    ]
    printed = [process.communicate(timeout=LIMIT_S)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    return [json.loads(text) for text in printed]


def test_two_push_at_once_and_each_version_gets_one_number(registry: Registry) -> None:
    kate, bob = both(PUSH, registry.store.folder)
    numbers = {str(content): number for content, number, _ in kate + bob}
    for content, number, _ in kate + bob:
        assert numbers[str(content)] == number
    assert sorted(map(int, map(str, numbers.values()))) == list(range(1, 3 * ROUNDS + 1))
    assert sum(bool(is_new) for _, _, is_new in kate + bob) == 3 * ROUNDS
    assert registry.verify().problems == ()


def test_two_move_at_once_and_each_generation_is_one_of_theirs(registry: Registry) -> None:
    for content in (b"a", b"b"):
        pushed(registry, content)
    registry.alias("fraud", "champion", 1)
    kate, bob = both(MOVE, registry.store.folder)
    assert sorted(map(int, map(str, kate + bob))) == list(range(2, 2 * ROUNDS + 2))
    pointer = registry.pointer("fraud", "champion")
    assert pointer.generation == 2 * ROUNDS + 1
    assert pointer.previous == 3 - pointer.number
    assert registry.verify().problems == ()
