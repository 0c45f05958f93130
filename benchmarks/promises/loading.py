"""A model that is loaded and unloaded beside one that serves: do its requests notice?

One server with two models: mlp answers constant arrivals of our generator at half of the
knee, every answer checked, while 61 MB of dense weights are loaded, proven and unloaded
again and again; in the other blocks of each pair nothing else happens. The figure is the
ratio of the two p99.

Differs from real use: server, loading worker and everything else share one processor. A
machine with a free one would notice less.
"""

from __future__ import annotations

import shutil
import threading
from functools import partial
from pathlib import Path

from benchmarks.load.clients import Client, generator
from benchmarks.load.question import make_question
from benchmarks.measure import Bench
from benchmarks.models import model
from benchmarks.processes import BenchmarkError, Server, leeboard
from benchmarks.promises.busy import find_knee
from benchmarks.results import Row
from runtime.capacity.pairs import pairs
from runtime.capacity.scenario import Load
from runtime.listing import load_model, unload_model
from runtime.statistics.intervals import Limit, median_interval, ratio_interval

BLOCK_S = 4.0
WARM_UP_S = 0.3


class Loader:
    """Loads and unloads a model, over and over, until told to stop."""

    def __init__(self, server: Server, name: str) -> None:
        self._target = server.address.target
        self._name = name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="loader")
        self.rounds = 0
        self.problem: Exception | None = None

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                load_model(self._target, self._name)
                unload_model(self._target, self._name)
                self.rounds += 1
        except Exception as error:  # Kept for the thread that measures.
            self.problem = error

    def __enter__(self) -> Loader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self.problem is not None:
            raise BenchmarkError(f"loading beside requests: {self.problem}")


def p99_of(client: Client) -> float:
    """Return the p99 of one block in microseconds."""
    return client().latency_us["p99"]


def repository(folder: Path) -> Path:
    """Return a folder of both models."""
    made = folder / "loading"
    for name in ("mlp", "wide"):
        file = made / name / "1" / "model.onnx"
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model(name, folder), file)
    return made


def loading(bench: Bench) -> list[Row]:
    """Compare p99 with and without loading in pairs."""
    folder = repository(bench.folder)
    question = make_question(model("mlp", bench.folder), bench.folder)
    explicit = ("--model-control-mode", "explicit", "--load-model", "mlp")
    rounds: list[int] = []
    with leeboard(folder, bench.folder, *explicit) as server:
        rate = find_knee(server, question) / 2
        load = Load(rate, arrivals="constant", duration_s=BLOCK_S, warmup_s=WARM_UP_S)
        client = generator(server, question, load)

        def beside() -> float:
            with Loader(server, "wide") as loader:
                p99 = p99_of(client)
            rounds.append(loader.rounds)
            return p99

        made = pairs(bench.plan.pairs, beside, partial(p99_of, client))
    return [
        Row(
            "loading",
            "another model is loaded, half of the knee: p99 <= 1.1 x without",
            "x",
            Limit("at most", 1.1),
            ratio_interval(made),
            beside={
                "loading us": median_interval([loading for loading, _ in made]),
                "calm us": median_interval([calm for _, calm in made]),
            },
            notes={"rate": rate, "loads": float(sum(rounds))},
        )
    ]
