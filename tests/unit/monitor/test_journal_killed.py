"""A journal whose process is killed keeps what it has answered for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from runtime.monitor.labels import Outcome
from tests.unit.monitor.journal_desk import Desk, label

ROOT = Path(__file__).resolve().parents[3]
STORY = """
import os, signal, sys
from pathlib import Path
from tests.unit.monitor.journal_desk import Desk, label, prediction
desk = Desk(Path(sys.argv[1]))
desk.add([prediction(n) for n in range(500)])
desk.put([label(n) for n in range(300)])
desk.journal.offer([prediction(n) for n in range(500, 5_000)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_answered_for_is_there_after_a_kill(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STORY, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, cwd=ROOT, timeout=60)
    assert done.returncode == -9, done.stderr
    desk = Desk(tmp_path)
    summary = desk.put([label(n) for n in range(500)])
    assert summary.counts == {Outcome.DUPLICATE: 300, Outcome.ACCEPTED: 200}
    assert desk.journal.standing.set_aside == ""
    desk.journal.close()
