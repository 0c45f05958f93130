"""``leeboard drift``, ``leeboard alarms`` and ``leeboard monitor``.

They ask the control port of one server; ``leeboard monitor export`` and ``reference`` ask
nobody.
"""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime.control_client import ControlClient, find_server
from runtime.credential_options import Credentials, Json, with_credentials
from runtime.errors import ConfigError, ServerError
from runtime.messages import Message, message
from runtime.monitor_reference import reference_command
from runtime.printable import escaped
from runtime.server_commands import Server, values_of

drift = typer.Typer(help="What has moved away from its reference.", no_args_is_help=True)
alarms = typer.Typer(help="Alarms about models, and silences.", no_args_is_help=True)
monitor = typer.Typer(help="Watching what is served.", no_args_is_help=True)

AnyModel = Annotated[str, typer.Argument(help="The model's name; none: all.")]
Alarm = Annotated[str, typer.Argument(help="Its id, as in `leeboard alarms list`.")]
Duration = Annotated[str, typer.Option("--for", help="How long, as in 90s, 30m, 2h or 7d.")]
NOTHING = "nothing is watched here"
UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def ask(server: str, credentials: Credentials, method: str, **fields: object) -> Message:
    """Return the answer of a method of leeboard.v1.Monitor; raises ServerError."""
    prefix = "MonitorStatus" if method == "Status" else method
    request = message(f"leeboard.v1.{prefix}Request")(**fields)
    response = message(f"leeboard.v1.{prefix}Response")
    path = f"/leeboard.v1.Monitor/{method}"
    with ControlClient(find_server(server), credentials.shown()) as client:
        return client.call(path, request, response)


monitor.command("reference")(reference_command)


@drift.command("status")
@with_credentials
def drift_status(
    model: AnyModel = "",
    server: Server = "",
    *,
    credentials: Credentials,
    distances: Annotated[
        bool, typer.Option("--distances", help="Other distances of the window, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say of each feature and output how far it is from its reference, and how sure."""
    answer = values_of(ask(server, credentials, "Status", model=model, detailed=distances))
    more = add_distances(answer) if distances else ()
    if as_json:
        print(json.dumps(answer, indent=1))
        return
    for each in answer["versions"]:
        print(headline(each))
        titles = ("what", "aspect", "evidence", "effect", "eps", "PSI (95 %)", "KS", *more)
        table = Table(*titles)
        for one in sorted(each["subjects"], key=lambda s: -share_of(s)):
            effect = one["effect"]
            table.add_row(
                *map(
                    shown,
                    (
                        f"{one['kind']} {one['name']}", one["aspect"],
                        f"{share_of(one):.0%} of the limit",
                        short(effect["value"]), short(effect["tolerated"]),
                        psi_words(one), number(one.get("ks")),
                        *(number(one["distances"].get(name)) for name in more),
                    ),
                )
            )  # fmt: skip
        Console().print(table)
    if not answer["versions"]:
        print(nothing_words(model))


def nothing_words(model: str) -> str:
    """Say that no version, or none of a model, is watched."""
    return f"no version of {escaped(model)} is watched here" if model else NOTHING


def add_distances(answer: dict[str, Any]) -> tuple[str, ...]:
    """Put other distances, by the names it returns, in the place of a status's bins."""
    from runtime.monitor.compared import NAMES, distances_of
    from runtime.monitor.state import Bins

    for version in answer["versions"]:
        known = float(version.get("reference", {}).get("rows", 0))
        for one in version["subjects"]:
            one["distances"] = {}
            if (bins := one.pop("bins", None)) is not None:
                shares = Bins((), (), tuple(bins["reference"]), tuple(bins["live"]))
                rows = float(one["rows"]) - float(one["missing"])
                one["distances"] = distances_of(shares, known, rows)
            one.pop("history", None)
    return NAMES


@drift.command("report")
@with_credentials
def drift_report(
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")],
    model: AnyModel = "",
    server: Server = "",
    *,
    credentials: Credentials,
) -> None:
    """Write one page with distributions, evidence and alarms, to be read without a network.

    Needs matplotlib, which the extra `plot` brings.
    """
    from runtime.monitor.report import check_report, save_report
    from runtime.monitor.state_messages import version_from

    check_report(output)
    asked = find_server(server)
    status = ask(server, credentials, "Status", model=model, detailed=True)
    told = ask(server, credentials, "Alarms", model=model, resolved=True)
    if not (status.versions or told.alarms):
        raise ServerError(f"{nothing_words(model)}, and there is no alarm: no report")
    statuses = [version_from(each) for each in status.versions]
    save_report(output, statuses, list(told.alarms), asked, time.time())
    print(f"wrote {escaped(str(output))}: {len(statuses)} versions")


@alarms.command("list")
@with_credentials
def alarms_list(
    model: AnyModel = "",
    resolved: Annotated[bool, typer.Option(help="Those that are over, too.")] = False,
    server: Server = "",
    *,
    credentials: Credentials,
    as_json: Json = False,
) -> None:
    """List alarms with their sentences, and silences."""
    answer = ask(server, credentials, "Alarms", model=model, resolved=resolved)
    values = values_of(answer)
    if as_json:
        print(json.dumps(values, indent=1))
        return
    for each in values["alarms"]:
        print(f"{each['id']}  {each['state']:<8}  {escaped(alarm_words(each))}")
    for each in values["silences"]:
        print(silence_words(each))
    if not values["alarms"]:
        print("no alarms")


@alarms.command("ack")
@with_credentials
def alarms_ack(
    alarm: Alarm,
    comment: Annotated[str, typer.Option(help="What is being done.")] = "",
    server: Server = "",
    *,
    credentials: Credentials,
) -> None:
    """Say that you take care of an alarm; it is yours then."""
    done = ask(server, credentials, "Acknowledge", id=alarm, comment=comment).alarm
    print(f"{done.id} is {escaped(done.owner)}'s: {escaped(done.sentence)}")


@alarms.command("comment")
@with_credentials
def alarms_comment(
    alarm: Alarm,
    text: Annotated[str, typer.Argument(help="The words.")],
    server: Server = "",
    *,
    credentials: Credentials,
) -> None:
    """Write something beside an alarm."""
    done = ask(server, credentials, "Comment", id=alarm, text=text).alarm
    print(f"{done.id} has {len(done.comments)} comments")


@alarms.command("silence")
@with_credentials
def alarms_silence(
    model: Annotated[str, typer.Argument(help="A model, or a pattern with stars.")],
    lasts: Duration = "1h",
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    version: Annotated[int, typer.Option(help="One version only.")] = 0,
    name: Annotated[str, typer.Option(help="A feature's or output's name.")] = "",
    aspect: Annotated[str, typer.Option(help="drift, harm, blind, ...")] = "",
    server: Server = "",
    *,
    credentials: Credentials,
) -> None:
    """Have alarms told to nobody for a while; they go on changing."""
    matcher = {"model": model, "version": version, "name": name, "aspect": aspect}
    done = ask(
        server, credentials, "Silence", matcher=matcher, seconds=seconds_of(lasts),
        comment=comment,
    )  # fmt: skip
    print(silence_words(values_of(done.silence)))
    print(f"it holds for {done.alarms} alarms at the moment")


@alarms.command("unsilence")
@with_credentials
def alarms_unsilence(
    silence: Annotated[str, typer.Argument(help="The silence's id.")],
    server: Server = "",
    *,
    credentials: Credentials,
) -> None:
    """End a silence."""
    done = ask(server, credentials, "Unsilence", id=silence)
    print(f"{done.silence.id} is over")


@monitor.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")],
) -> None:
    """Write alert rules for Prometheus and a dashboard for Grafana."""
    from runtime.monitor.export import write_exports

    for path in write_exports(folder):
        print(f"wrote {escaped(str(path))}")


def seconds_of(text: str) -> float:
    """Return a duration in seconds; ConfigError for what is none.

    Examples
    --------
    >>> seconds_of("90"), seconds_of("30m"), seconds_of("1.5h")
    (90.0, 1800.0, 5400.0)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if match is None:
        raise ConfigError(f"{text!r} is no duration; write 30m, 2h or 7d")
    return float(match[1]) * UNITS_S[match[2]]


def headline(version: dict[str, Any]) -> str:
    """Return a line about a version: rows, coverage, window and reference."""
    words = [f"{version['model']}/{version['version']}: {int(version['rows']):,} rows seen"]
    if "coverage" in version:
        words.append(f"{version['coverage']:.1%} of what was answered")
    if "window" in version:
        words.append(f"window of {int(version['window']['rows']):,} rows")
    reference = version.get("reference")
    if reference:
        origin, digest = reference["origin"], reference["digest"].removeprefix("sha256:")
        words.append(f"reference {digest[:12]} ({origin}, {int(reference['rows']):,} rows)")
    else:
        words.append("no reference yet")
    return escaped("; ".join(filter(None, [*words, version["note"]])))


def share_of(subject: dict[str, Any]) -> float:
    """Return the evidence as a share of its limit; NaN and no limit are 0."""
    evidence = subject["evidence"]
    log_e, limit = float(evidence["log_e"]), float(evidence["log_limit"])
    return log_e / limit if limit > 0 and log_e == log_e else 0.0


def psi_words(subject: dict[str, Any]) -> str:
    """Return PSI beside the value that it has in 1 of 20 windows without drift."""
    if "psi" not in subject:
        return "-"
    return f"{number(subject['psi'])} ({number(subject.get('psi_limit'))})"


def number(value: object) -> str:
    """Return a number as people read it; a dash for none."""
    return "-" if value is None else f"{float(str(value)):.4f}"


def short(value: object) -> str:
    """Return a number with four digits; protobuf's JSON has those that are none as text."""
    return f"{float(str(value)):.4g}"


def alarm_words(alarm: dict[str, Any]) -> str:
    """Return an alarm's sentence with what people did."""
    words = [alarm["sentence"]]
    if alarm["owner"]:
        words.append(f"[{alarm['owner']}]")
    if alarm["silence"]:
        words.append(f"[silenced by {alarm['silence']}]")
    if alarm["reason"]:
        words.append(f"[over: {alarm['reason']}]")
    return " ".join(words)


def silence_words(silence: dict[str, Any]) -> str:
    """Return a line about a silence."""
    until = datetime.fromtimestamp(silence["until_s"], UTC).isoformat(" ", "seconds")
    what = {k: v for k, v in silence["matcher"].items() if v}
    meant = ", ".join(f"{key} {value}" for key, value in what.items()) or "everything"
    why = f": {silence['comment']}" if silence["comment"] else ""
    return escaped(f"silence {silence['id']} of {meant} until {until}{why}")


def shown(cell: str) -> str:
    """Return a table's cell, fit for a terminal."""
    return escape(escaped(cell))


def add_monitor_commands(app: typer.Typer) -> None:
    """Add the groups of commands to an application."""
    app.add_typer(drift, name="drift")
    app.add_typer(alarms, name="alarms")
    app.add_typer(monitor, name="monitor")
