"""A load report as a person reads it: what was asked, what came, what to make of it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from runtime.capacity.progress import show_us
from runtime.capacity.report import Report, ServerUse

MIB = 1 << 20
LABEL_WIDTH = 12
PERCENTILES = (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p99.9", "p999"))

Line = tuple[str, str]
"""What it is about, and what there is to say."""


def counted(n: int, thing: str) -> str:
    """Write a number of things.

    Examples
    --------
    >>> counted(1, "row"), counted(2_000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{n:,} {thing}" + ("" if n == 1 else "s")


def asked(report: Report) -> str:
    """Return model, loop, connections and profile in one line."""
    about = report.scenario
    loop = (
        f"open loop, {about['rate']:g} requests/s, {about['arrivals']} arrivals"
        if about["loop"] == "open"
        else f"closed loop, {counted(about['concurrency'], 'request')} in flight"
    )
    model = f"{about['model']}:{about['version']}" if about["version"] else about["model"]
    return (
        f"{model} at {about['target']}, {counted(about['batch'], 'row')} a request, "
        f"{loop}, {counted(about['connections'], 'connection')}, profile {about['profile']}"
    )


def subject(report: Report) -> str:
    """Return what the figures are a measurement of."""
    if report.client_saturated:
        return "the client, which was the bottleneck; NOT of the server"
    return "the server, in part: the run ended early" if report.partial else "the server"


def latency_words(report: Report) -> str:
    """Return the percentiles of good answers."""
    if not report.ok:
        return "unknown: there was no good answer"
    times = report.latency_us
    parts = [f"{name} {show_us(times[key])}" for name, key in PERCENTILES if key in times]
    since = "since due" if report.scenario["loop"] == "open" else "since sent"
    return ", ".join([*parts, f"max {show_us(times['max'])}"]) + f" ({since})"


def server_words(use: ServerUse) -> str:
    """Return what a server used, as far as it is known."""
    parts = []
    if use.cpu_us_per_request is not None:
        parts.append(f"{use.cpu_us_per_request:.1f} us of processor a request")
    if use.processes:
        parts.append("1 process" if use.processes == 1 else f"{use.processes} processes")
    if use.pss_bytes is not None:
        parts.append(f"{use.pss_bytes / MIB:.0f} MiB")
    if use.rows_per_batch is not None:
        parts.append(f"{use.rows_per_batch:.1f} rows a batch")
    return ", ".join(parts)


def lines(report: Report) -> Iterable[Line]:
    """Return all there is to say of a report."""
    yield "asked", asked(report)
    yield "measured", subject(report)
    rows = report.scenario["batch"]
    more = f", {report.throughput_rps * rows:,.0f} rows/s" if rows > 1 else ""
    yield "throughput", f"{report.throughput_rps:,.1f} answers/s{more}"
    yield "latency", latency_words(report)
    counts = f"{report.requests:,} in {report.duration_s:.1f} s: {report.ok:,} ok"
    for count, words in ((report.wrong, "wrong"), (report.unsent, "unsent")):
        counts += f", {count:,} {words}" if count else ""
    errors = sum(report.errors.values())
    yield "requests", f"{counts}, {errors:,} errors"
    for name, count in sorted(report.errors.items(), key=lambda item: -item[1]):
        yield name, f"{count:,}, the first: {report.error_messages.get(name, '')}"
    if report.server is not None:
        yield "server", server_words(report.server)
    yield (
        "client",
        f"busy {report.client_busy:.0%} of the time, "
        f"{report.client_cpu_us_per_request:.1f} us of processor a request",
    )
    for note in report.notes:
        yield "note", note


def show_report(report: Report, console: Console) -> None:
    """Print a report; what must not be overlooked is bold."""
    for label, words in lines(report):
        is_loud = label == "note" or (label == "measured" and words != "the server")
        text = Text(f"{label:{LABEL_WIDTH}} ", style="cyan")
        text.append(words, style="bold" if is_loud else "default")
        console.print(text, soft_wrap=True, highlight=False)
