"""Measures the peers and our server side by side: table, JSON and plot.

    python -m benchmarks.peers [--only PEER]... [--model M]... [--quick] [--list]

Each peer gets an environment of its own in build/benchmarks/peers, made once. What cannot
be installed or started becomes a line that says why, and the run goes on. Every cell is
written to results/peers-DATE-TIME.json as it comes; a full run also renews
results/peers.json and results/peers.png. A quick run, and one with a choice, is for trying:
its file goes to build/benchmarks/quick.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from benchmarks import machine
from benchmarks.load.question import make_question
from benchmarks.models import model as model_file
from benchmarks.peers import environments
from benchmarks.peers.answers import answers_right
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.environments import version_of
from benchmarks.peers.measuring import (
    FULL,
    QUICK,
    SECONDS,
    Plan,
    Started,
    measure_server,
    run_time_s,
    watched,
)
from benchmarks.peers.place import Peer, Place
from benchmarks.peers.plot import draw
from benchmarks.peers.quoted import quoted_cells, quoted_servers
from benchmarks.peers.rows import Findings, Missing
from benchmarks.peers.starting import PeerServer
from benchmarks.peers.table import text_of
from benchmarks.processes import BenchmarkError
from benchmarks.results import FOLDER, write_json
from runtime import __version__ as OURS

LATEST = "peers.json"
PLOT = "peers.png"
BUILD = machine.ROOT / "build" / "benchmarks"


@dataclass(slots=True)
class Run:
    """One run of the command: what it measures, and what it has found so far."""

    peers: list[Peer]
    models: list[str]
    plan: Plan
    path: Path
    findings: Findings = field(default_factory=Findings)
    about: dict[str, object] = field(default_factory=machine.record)

    def content(self) -> dict[str, object]:
        """Return the file's content."""
        command = shlex.join(["python", "-m", "benchmarks.peers", *sys.argv[1:]])
        return {
            "machine": {**self.about, "command": command},
            "plan": {"repeats": self.plan.repeats, "share": self.plan.share},
            "peers": {peer.name: describe(peer) for peer in self.peers},
            **self.findings.as_json(),
        }

    def keep(self) -> None:
        """Write what there is."""
        write_json(self.path, self.content())


def describe(peer: Peer) -> dict[str, object]:
    """Return a peer's version, settings and their sources for the file."""
    is_ours = not peer.package
    return {
        "package": peer.package or "leeboard",
        "version": OURS if is_ours else version_of(peer.environment, peer.package),
        "settings": peer.settings,
        "sources": peer.sources,
    }


def measure_model(run: Run, peer: Peer, model: Path, prefix: Path) -> None:
    """Start a peer with one model, measure every cell, and end it."""
    place = Place(prefix, environments.FOLDER / "run" / f"{peer.name}-{model.stem}", model)
    question = make_question(model, BUILD)
    with PeerServer(peer, place, lambda target: answers_right(target, question)) as server:
        started = Started(
            peer.name,
            question.ask(server.target),
            server.process.pid,
            server.ready_s,
            environments.install_mib(peer.environment),
        )
        for _ in measure_server(started, run.plan, run.findings, watched):
            run.keep()


def measure_peer(run: Run, peer: Peer) -> None:
    """Install a peer and measure its models; what fails is noted as missing."""
    try:
        prefix = environments.prepare(peer.environment)
    except (BenchmarkError, OSError) as error:
        reason = environments.without_paths(str(error))
        run.findings.missing.append(Missing(peer.name, f"not installed: {reason}"))
        return
    for name in run.models:
        began = time.monotonic()
        try:
            measure_model(run, peer, model_file(name, BUILD), prefix)
        except (BenchmarkError, OSError) as error:
            reason = environments.without_paths(str(error))
            run.findings.missing.append(Missing(peer.name, reason, name))
        run.keep()
        took = time.monotonic() - began
        print(f"measured {peer.name} with {name} in {took:.0f} s", file=sys.stderr)


def measure_all(run: Run) -> None:
    """Measure every peer, one after another, and add the quoted figures."""
    run.findings.cells += quoted_cells(run.models)
    run.findings.servers += quoted_servers()
    for peer in run.peers:
        measure_peer(run, peer)
        run.keep()


def finish(run: Run, is_full: bool) -> None:
    """Print the table, renew the latest results after a full run, and draw the plot."""
    folder = run.path.parent
    print(text_of(run.findings))
    print(f"results: {run.path}")
    if is_full:
        write_json(folder / LATEST, run.content())
    try:
        draw(run.findings.cells, folder / PLOT)
    except ImportError:
        print("no plot: matplotlib is missing; the extra `plot` brings it", file=sys.stderr)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one short repeat, to try")
    parser.add_argument("--only", action="append", choices=PEERS, help="may be repeated")
    parser.add_argument("--model", action="append", choices=SECONDS, help="may be repeated")
    parser.add_argument("--list", action="store_true", help="name the peers and end")
    return parser.parse_args()


def make_run(chosen: argparse.Namespace, folder: Path) -> Run:
    """Return the run that was chosen."""
    peers = [PEERS[name] for name in chosen.only or PEERS]
    models = chosen.model or list(SECONDS)
    stamp = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    plan = QUICK if chosen.quick else FULL
    return Run(peers, models, plan, folder / f"peers-{stamp}.json")


def main() -> int:
    """Return 0 when every peer was measured with every model."""
    chosen = read_arguments()
    if chosen.list:
        print("\n".join(f"{peer.name}: {peer.settings}" for peer in PEERS.values()))
        return 0
    is_full = not (chosen.quick or chosen.only or chosen.model)
    folder = FOLDER if is_full else BUILD / "quick"
    machine.prepare()
    machine.raise_priority(os.getpid())
    run = make_run(chosen, folder)
    minutes = run_time_s(len(run.peers), run.models, run.plan) / 60
    print(f"measuring for {minutes:.1f} minutes, starts left out", file=sys.stderr)
    try:
        measure_all(run)
    except KeyboardInterrupt:
        print(f"stopped; what was measured is in {run.path}", file=sys.stderr)
        return 130
    finish(run, is_full)
    return 1 if run.findings.missing else 0


if __name__ == "__main__":
    sys.exit(main())
