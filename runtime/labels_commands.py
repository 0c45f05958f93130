"""``leeboard labels push`` and ``leeboard quality status``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from runtime.control_client import ControlClient, find_server
from runtime.credential_options import Credentials, Json, with_credentials
from runtime.errors import ServerError
from runtime.labels_files import FileLabel, kind_of, read_labels
from runtime.messages import Message, message
from runtime.printable import escaped
from runtime.server_commands import Server, values_of

CALL_S = 60.0
AT_ONCE = 1_000
MOST_SHOWN = 20
COUNTS = {
    "accepted": "accepted",
    "early": "early: kept until the prediction comes",
    "duplicates": "said before",
    "contradictions": "contradict what was said before, which stays",
    "unknown": "of no prediction that is known",
    "unsampled": "left out by their request id",
    "too_old": "too old",
    "from_future": "from the future",
    "invalid": "not to be meant",
}

labels = typer.Typer(help="True answers that come later.", no_args_is_help=True)
quality = typer.Typer(help="How good models are, by their labels.", no_args_is_help=True)


@labels.callback()
def of_labels() -> None:
    """True answers that come later."""


@quality.callback()
def of_quality() -> None:
    """How good models are, by their labels."""


@labels.command()
@with_credentials
def push(
    file: Annotated[Path, typer.Argument(help="CSV, JSON lines or Parquet.")],
    model: Annotated[str, typer.Option(help="The model of rows that name none.")] = "",
    kind: Annotated[str, typer.Option("--format", help="csv, jsonl or parquet.")] = "",
    texts: Annotated[bool, typer.Option("--texts", help="Keep values as texts.")] = False,
    server: Server = "",
    *,
    credentials: Credentials,
    as_json: Json = False,
) -> None:
    """Send the labels of a file; sending them again does no harm.

    Columns: request_id, value (or label); row, model and time where needed.
    """
    found = read_labels(file, kind_of(file, kind), model, texts)
    totals: dict[str, int] = dict.fromkeys(COUNTS, 0)
    problems: list[str] = []
    sent = 0
    with (
        ControlClient(find_server(server), credentials.shown()) as client,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("labels", total=None)
        for batch in batches(found):
            try:
                answer = send(client, batch)
            except ServerError as error:
                if not sent:
                    raise
                raise ServerError(
                    f"{error} ({sent} labels were sent before; push the file again)"
                ) from error
            sent += len(batch)
            for name in COUNTS:
                totals[name] += getattr(answer, name)
            problems += problems_of(answer, batch)
            progress.update(task, advance=len(batch), description=f"labels: {sent}")
    if as_json:
        print(json.dumps({"labels": sent, **totals, "problems": problems}, indent=1))
        return
    show_totals(sent, totals, problems)


def batches(found: Iterator[FileLabel]) -> Iterator[list[FileLabel]]:
    """Yield labels as many as are sent at once."""
    while batch := list(islice(found, AT_ONCE)):
        yield batch


def send(client: ControlClient, batch: list[FileLabel]) -> Message:
    """Send labels and return the answer; raises ServerError."""
    request = message("leeboard.v1.PutLabelsRequest")()
    for each in batch:
        label = request.labels.add(
            model=each.model, request_id=each.request_id, row=each.row
        )
        if isinstance(each.value, str):
            label.text = each.value
        else:
            label.number = each.value
        if each.time_s is not None:
            label.time = each.time_s
    response = message("leeboard.v1.PutLabelsResponse")
    return client.call("/leeboard.v1.Labels/PutLabels", request, response, CALL_S)


def problems_of(answer: Message, batch: list[FileLabel]) -> list[str]:
    """Return what is wrong with labels, by their line in the file."""
    return [
        f"line {batch[each.index].line}: {each.outcome}: {each.words}"
        for each in answer.problems
        if each.index < len(batch)
    ]


def show_totals(sent: int, totals: dict[str, int], problems: list[str]) -> None:
    """Print what became of labels."""
    print(f"{sent} labels were sent")
    for name, words in COUNTS.items():
        if totals[name]:
            print(f"{totals[name]:>9}  {words}")
    for words in problems[:MOST_SHOWN]:
        print(escaped(words))
    if len(problems) > MOST_SHOWN:
        print(f"... and {len(problems) - MOST_SHOWN} more")


@quality.command()
@with_credentials
def status(
    model: Annotated[str, typer.Argument(help="The model's name; none: all.")] = "",
    server: Server = "",
    *,
    credentials: Credentials,
    as_json: Json = False,
) -> None:
    """Say how good models are by their matured labels, and what that is worth."""
    request = message("leeboard.v1.QualityRequest")(model=model)
    response = message("leeboard.v1.QualityResponse")
    with ControlClient(find_server(server), credentials.shown()) as client:
        found = client.call("/leeboard.v1.Labels/Quality", request, response, CALL_S)
    answer = values_of(found)
    if as_json:
        print(json.dumps(answer, indent=1))
        return
    if not answer["versions"]:
        print("no version is judged by labels here")
    for each in answer["versions"]:
        show_version(each)
    if "standing" in answer:
        print(journal_words(answer["standing"]))
    if answer["journal"] != "open":
        print(f"the journal is {answer['journal']}: {escaped(answer['journal_why'])}")


def show_version(found: dict[str, Any]) -> None:
    """Print one version's figures."""
    window = f"{when(found['since'])} to {when(found['until'])}"
    print(f"{escaped(found['model'])} version {found['version']} ({found['task']})")
    print(f"labels     {found['labels']} taken; window {window}")
    coverage = found["coverage"]
    print(f"coverage   {coverage['labelled']} of {coverage['matured']} matured predictions")
    table = Table()
    for column in ("figure", "now", "fixed-window interval", "baseline", "promised"):
        table.add_column(column, overflow="fold")
    baseline = {each["name"]: each for each in found["baseline"]}
    promised = {each["name"]: each for each in found["promised"]}
    for each in found["now"]:
        name = each["name"]
        interval = f"{number(each['low'])} to {number(each['high'])}"
        others = (number(side.get(name, {}).get("value")) for side in (baseline, promised))
        cells = (name, number(each["value"]), interval, *others)
        table.add_row(*(escape(escaped(cell)) for cell in cells))
    Console().print(table)
    for gap in found["gaps"]:
        print(gap_words(gap))
    for words in found["warnings"]:
        print(f"warning: {escaped(words)}")


def journal_words(standing: dict[str, Any]) -> str:
    """Return what the journal holds, and what became of predictions and labels."""
    held = f"{int(standing['rows']):,} predictions in {int(standing['bytes']):,} bytes"
    if standing["oldest"]:
        held += f", the eldest of {when(standing['oldest'])}"
    words = [f"journal    {held}"]
    for name in ("predictions", "labels"):
        counts = {k: int(n) for k, n in sorted(standing[name].items()) if int(n)}
        told = ", ".join(f"{n:,} {k.replace('_', ' ')}" for k, n in counts.items())
        words.append(f"           {name} since the start: {told or 'none'}")
    return escaped_lines(words)


def escaped_lines(lines: list[str]) -> str:
    """Return lines, each fit for a terminal."""
    return "\n".join(escaped(line) for line in lines)


def gap_words(found: dict[str, Any]) -> str:
    """Return one gap between groups in words."""
    head = escaped(f"{found['name']} by {found['key']}")
    if "gap" not in found:
        return f"{head}: fewer than two groups are large enough"
    gap = found["gap"]
    is_within = isinstance(gap["high"], int | float) and gap["high"] <= found["tolerated"]
    over = "over" if found["over"] else "within" if is_within else "not surely over"
    between = f"{found['highest']} above {found['lowest']}"
    interval = f"{number(gap['low'])} to {number(gap['high'])}"
    tail = f", {over} what is tolerated, {number(found['tolerated'])}"
    return f"{head}: {number(gap['value'])} ({interval}), {escaped(between)}{tail}"


def number(given: float | str | None) -> str:
    """Return a figure of JSON as a person reads it; a dash for none.

    Examples
    --------
    >>> number(0.123456), number("NaN"), number("-Infinity"), number(None)
    ('0.1235', '-', '-', '-')
    """
    return f"{given:.4g}" if isinstance(given, int | float) else "-"


def when(seconds: float) -> str:
    """Return a time as a person reads it; a dash for none."""
    if not seconds:
        return "-"
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ", "seconds")
