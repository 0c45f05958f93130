"""Many swaps in a row under load: what is lost, how long they take, what they leave.

Four versions take turns under the alias. One swap in `fresh_every` goes to a version
whose files and workers were given back before, so it is fetched, loaded and proven as a
new one is; the others go back to the version that is still warm. What the server holds is
looked at without load, before and after, with one serving and one warm version each time.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import asdict, dataclass
from urllib.request import urlopen

from benchmarks.processes import BenchmarkError, Server
from benchmarks.results import Row
from benchmarks.swap.kinds import Made
from benchmarks.swap.plans import Held, Turn, exactly, is_back, turns
from benchmarks.swap.records import Counts, Swap, count, first_answers
from benchmarks.swap.stand import SHARE, Loaded, Stand, find_knee, prepared_for
from runtime.capacity.local import pss_bytes
from runtime.statistics.intervals import Limit, median_interval

FRESH_EVERY = {"mlp-onnx": 1, "mlp-torch": 20, "mid-onnx": 25, "mid-torch": 40}
"""A load has what serving leaves of the processor: each of the larger models takes ten
seconds and more."""

BEFORE = 4
"""Swaps that do not count, without load; two between warm versions under load follow.
Memory grows until all of that was there once."""

WARM_UP_S = 2.0
PAUSE_S = 0.05
LAST_S = 1.0
"""The load goes on after the last swap, so that its version answers."""

SETTLE_S = 5.0
LOOK_S = 0.25
MS = 1e6
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A stand with its versions, and the rate of all that is measured there."""

    stand: Stand
    made: Made
    knee: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return SHARE * self.knee

    def loaded(self) -> Loaded:
        """Return the load, which knows the answers of all versions."""
        prepared = prepared_for(self.stand, self.made.data, self.made.goldens[0])
        return Loaded(prepared, self.rate, self.made.goldens)


@dataclass(frozen=True, slots=True)
class Ran:
    """What many swaps of one kind showed; times in ms from the change of the alias."""

    kind: str
    knee: float
    rate: float
    counts: Counts
    swaps: int
    fresh_ms: list[float]
    warm_ms: list[float]
    commit_ms: list[float]
    longest_pause_us: float
    tables: int
    pauses_us: float
    before: Held
    after: Held
    client_busy: float
    took_s: float


def place_of(stand: Stand, made: Made) -> Place:
    """Find the knee of a stand's server."""
    return Place(stand, made, find_knee(stand, made))


def sample(page: str, name: str) -> float:
    r"""Return the value of a metric without labels.

    Examples
    --------
    >>> sample("# HELP a_b\na_b 2.5e-06\n", "a_b")
    2.5e-06
    """
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    if not found:
        raise BenchmarkError(f"the server does not tell {name}")
    return float(found[1])


def metrics(server: Server) -> str:
    """Return the server's /metrics."""
    with urlopen(f"http://{server.metrics_url}", timeout=10) as answer:
        return str(answer.read().decode())


def look(server: Server) -> Held:
    """Return what a server holds at this moment."""
    front = f"/proc/{server.process.pid}"
    family = server.family()
    return Held(
        pss_bytes(family),
        len(os.listdir(f"{front}/fd")),
        len(os.listdir(f"{front}/task")),
        len(family),
    )


def held(server: Server, before: Held | None = None) -> Held:
    """Look at a server that has nothing to do, again until it is back or time is over."""
    end_by = time.monotonic() + SETTLE_S
    time.sleep(LOOK_S)
    while True:
        now = look(server)
        done = before is not None and is_back(before, now)
        if done or time.monotonic() > end_by:
            return now
        time.sleep(LOOK_S)


def swap_all(stand: Stand, order: list[Turn], before: int) -> list[Swap]:
    """Swap from version to version."""
    made: list[Swap] = []
    for turn in order:
        made.append(stand.swap(before, turn.number))
        before = turn.number
        time.sleep(PAUSE_S)
    return made


def many(place: Place, swaps: int) -> Ran:
    """Make so many swaps under load, after a few that do not count."""
    name, server = place.made.kind.name, place.stand.server
    first = turns(BEFORE)
    serving, warm = first[-1].number, first[-2].number
    rest = turns(swaps, FRESH_EVERY[name], (serving, warm, first[-3].number))
    swap_all(place.stand, first, 1)
    with place.loaded():
        for one, other in ((serving, warm), (warm, serving)):
            place.stand.swap(one, other)
            time.sleep(WARM_UP_S)
    before = held(server)
    began, loaded = time.monotonic(), place.loaded()
    with loaded:
        done = swap_all(place.stand, rest, serving)
        time.sleep(LAST_S)
    took_s, after, page = time.monotonic() - began, held(server, before), metrics(server)
    answered = first_answers(loaded.records, done)
    times_ms = [(a - s.asked_ns) / MS for a, s in zip(answered, done, strict=True)]
    return Ran(
        name,
        place.knee,
        place.rate,
        count(loaded.records, done),
        len(done),
        [ms for ms, turn in zip(times_ms, rest, strict=True) if turn.is_fresh],
        [ms for ms, turn in zip(times_ms, rest, strict=True) if not turn.is_fresh],
        [(swap.changed_ns - swap.asked_ns) / MS for swap in done],
        sample(page, "leeboard_route_longest_pause_seconds") * 1e6,
        int(sample(page, "leeboard_server_tables_total")),
        sample(page, "leeboard_route_pause_seconds_total") * 1e6,
        before,
        after,
        loaded.busy,
        took_s,
    )


def as_row(ran: Ran) -> Row:
    """Return what must be none of: failed, wrong answers, wrong versions."""
    counts = ran.counts
    lost = counts.failed + counts.wrong + counts.stray
    notes = {
        **asdict(counts),
        "knee": ran.knee,
        "rate": ran.rate,
        "loads": len(ran.fresh_ms),
        "fresh_ms": ran.fresh_ms,
        "warm_ms": ran.warm_ms,
        "client_busy": ran.client_busy,
        "took_s": ran.took_s,
    }
    return Row(
        f"lost-{ran.kind}",
        f"{ran.swaps} swaps in a row, {ran.kind}: failed, wrong answers, wrong versions",
        "",
        Limit("at most", 0.0),
        exactly(lost),
        beside={"requests": exactly(counts.requests), "loads": exactly(len(ran.fresh_ms))},
        notes=notes,
    )


def held_row(ran: Ran) -> Row:
    """Return what is held after many swaps, over what was held before."""
    before, after = ran.before, ran.after
    grown = max((after.pss_bytes - before.pss_bytes) / MIB, 0.0)
    more = {
        "descriptors": after.descriptors - before.descriptors,
        "threads": after.threads - before.threads,
        "processes": after.processes - before.processes,
    }
    limit = Limit("at most", 8.0 if max(more.values()) <= 0 else -1.0)
    return Row(
        f"held-{ran.kind}",
        f"{ran.kind}, after {ran.swaps} swaps: at most 8 MiB more, and no more "
        "descriptors, threads or processes",
        "MiB",
        limit,
        exactly(grown),
        beside={f"more {name}": exactly(value) for name, value in more.items()},
        notes={"before": asdict(before), "after": asdict(after)},
    )


def pause_row(all_ran: list[Ran]) -> Row:
    """Return the longest time in which a new table of routes held requests up."""
    mean = sum(ran.pauses_us for ran in all_ran) / sum(ran.tables for ran in all_ran)
    return Row(
        "pause",
        "routing pause, the longest of all: < 50 us",
        "us",
        Limit("at most", 50.0),
        exactly(max(ran.longest_pause_us for ran in all_ran)),
        beside={"mean": exactly(mean)},
        notes={"tables": sum(ran.tables for ran in all_ran)},
    )


def first_answer_row(ran: Ran) -> Row:
    """Return how soon a version that has to be loaded gives its first answer."""
    return Row(
        "first-answer",
        f"{ran.kind}: alias changed to first answer by the new version: < 0.5 s",
        "s",
        Limit("at most", 0.5),
        median_interval([ms / 1e3 for ms in ran.fresh_ms]),
        beside={
            "worst": exactly(max(ran.fresh_ms) / 1e3),
            "change of the alias itself": median_interval(
                [ms / 1e3 for ms in ran.commit_ms]
            ),
        },
    )
