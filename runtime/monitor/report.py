"""One page about drift that needs no network: summary, alarms, and pictures.

Names are others' words: they are escaped, and the page's own policy has a browser run no
script and load nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from runtime.atomic import write_bytes
from runtime.errors import ConfigError
from runtime.messages import Message
from runtime.monitor.report_plots import check_plotting, draw
from runtime.monitor.state import SubjectStatus, VersionStatus
from runtime.printable import escaped

MOST_DRAWN = 12
"""Pictures of each version: the subjects with the most evidence have one."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem;
 margin: 2rem auto; padding: 0 1rem; }}
h1, h2, h3 {{ line-height: 1.2; overflow-wrap: anywhere; }}
h2 {{ margin-top: 3rem; border-top: 2px solid #ddd; padding-top: 1rem; }}
table {{ border-collapse: collapse; width: 100%; font-size: .9rem; }}
th, td {{ text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e4e4e4;
 overflow-wrap: anywhere; }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums;
 white-space: nowrap; }}
tr.over td {{ background: #fff1e6; }}
.alarm {{ border-left: 4px solid #c55; padding: .2rem 1rem; margin: 1rem 0;
 overflow-wrap: anywhere; }}
.alarm.resolved {{ border-color: #9a9; }}
.quiet {{ color: #666; }}
figure {{ margin: 1rem 0 2rem; }}
svg {{ max-width: 100%; height: auto; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
READING = (
    "Evidence is the logarithm of what a sequential test has won by betting that the "
    "effect is more than eps, as a share of the limit at which the alarm fires. An effect "
    "of up to eps is no drift. PSI is corrected for its bias; in parentheses is what it "
    "stays below in 19 of 20 windows without drift. A star marks subjects over their limit."
)


def check_report(path: Path) -> None:
    """Raise ConfigError, before a server is asked, if no report can be written."""
    if path.suffix not in (".html", ".htm"):
        raise ConfigError(f"--output {path} must end in .html")
    check_plotting()


def save_report(
    path: Path,
    statuses: Sequence[VersionStatus],
    alarms: Sequence[Message],
    server: str,
    made_s: float,
) -> None:
    """Write the page; ConfigError where the file cannot be written."""
    content = page(statuses, alarms, server, made_s)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}") from error


def page(
    statuses: Sequence[VersionStatus],
    alarms: Sequence[Message],
    server: str,
    made_s: float,
) -> str:
    """Return the page about some versions and alarms (messages MonitorAlarm)."""
    title = f"Drift report of {server}"
    parts = [f"<h1>{text(title)}</h1>", summary(statuses, alarms, made_s)]
    for status in statuses:
        those = [
            each
            for each in alarms
            if (each.model, each.version) == (status.model, status.version)
        ]
        parts += section(status, those)
    known = {(status.model, status.version) for status in statuses}
    others = [each for each in alarms if (each.model, each.version) not in known]
    if others:
        parts.append("<h2>Alarms about versions that are not watched any more</h2>")
        parts += map(alarm_part, others)
    return PAGE.format(title=text(title), body="\n".join(parts))


def text(words: str) -> str:
    """Return others' words as HTML."""
    return escape(escaped(words))


def when(time_s: float) -> str:
    """Return Unix time as people read it."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def summary(
    statuses: Sequence[VersionStatus], alarms: Sequence[Message], made_s: float
) -> str:
    """Return what stands on top."""
    is_open = [each for each in alarms if each.state in ("firing", "cooling")]
    rows = sum(status.rows for status in statuses)
    count = f"{len(is_open)} open alarm{'s' if len(is_open) > 1 else ''}"
    verdict = count if is_open else "No open alarms"
    return (
        f"<p><strong>{verdict}</strong>; {len(statuses)} versions watched, {rows:,} rows "
        f"seen. Made {when(made_s)}.</p>\n<p class=quiet>{READING}</p>"
    )


def section(status: VersionStatus, alarms: Iterable[Message]) -> Iterable[str]:
    """Yield the part about one version."""
    name = f"{status.model}/{status.version}"
    yield f"<h2>{text(name)}</h2>"
    yield f"<p>{text('; '.join(facts(status)))}.</p>"
    yield from map(alarm_part, alarms)
    ranked = sorted(status.subjects, key=lambda s: (s.share != s.share, -s.share, s.name))
    if ranked:
        yield subject_table(ranked)
    for one in ranked[:MOST_DRAWN]:
        yield from picture(one)


def facts(status: VersionStatus) -> Iterable[str]:
    """Yield what is known of a version, in words."""
    yield f"{status.rows:,} rows seen"
    if status.coverage is not None:
        yield f"{status.coverage:.1%} of all that were answered"
    if status.window is not None:
        begin, end = when(status.window.begin_s), when(status.window.end_s)
        yield f"effects are of {status.window.rows:,} rows from {begin} to {end}"
    reference = status.reference
    if reference is None:
        yield "there is no reference yet"
    else:
        yield (
            f"reference {reference.digest[:12]}, from {reference.origin}, "
            f"{reference.rows:,} rows"
        )
    if status.note:
        yield status.note


def alarm_part(alarm: Message) -> str:
    """Return one alarm: its sentence, its state and what makes it reproducible."""
    words = [f"{alarm.state} since {when(alarm.changed_s)}", f"alarm {alarm.id}"]
    if alarm.HasField("evidence"):
        evidence, effect = alarm.evidence, alarm.effect
        words += [
            f"{effect.name} {effect.value:.4g}, eps {effect.tolerated:.4g}",
            f"log e {evidence.log_e:.1f} of {evidence.log_limit:.1f}",
            f"at least {evidence.arl_looks:.3g} looks between false alarms",
        ]
    if alarm.reference:
        words.append(f"reference {alarm.reference[:12]}")
    if alarm.owner:
        words.append(f"owner {alarm.owner}")
    if alarm.reason:
        words.append(alarm.reason)
    words += [f"{each.by}: {each.text}" for each in alarm.comments]
    kind = "alarm resolved" if alarm.state == "resolved" else "alarm"
    return (
        f'<div class="{kind}"><p><strong>{text(alarm.sentence)}</strong></p>'
        f"<p class=quiet>{text('; '.join(words))}</p></div>"
    )


COLUMNS: tuple[tuple[str, Callable[[SubjectStatus], str]], ...] = (
    ("evidence", lambda s: f"{s.share:.0%}"),
    ("effect", lambda s: f"{s.effect.value:.4g}"),
    ("eps", lambda s: f"{s.effect.tolerated:.4g}"),
    ("PSI", lambda s: psi_words(s)),
    ("KS", lambda s: "-" if s.ks is None else f"{s.ks:.4f}"),
    ("rows", lambda s: f"{s.rows:,}"),
    ("missing", lambda s: f"{s.missing:,}"),
)


def psi_words(one: SubjectStatus) -> str:
    """Return PSI with its limit in parentheses."""
    if one.psi is None:
        return "-"
    limit = "" if one.psi_limit is None else f" ({one.psi_limit:.4f})"
    return f"{one.psi:.4f}{limit}"


def subject_table(subjects: Sequence[SubjectStatus]) -> str:
    """Return all subjects of a version, the most evidence first."""
    head = "".join(f"<th class=n>{name}</th>" for name, _ in COLUMNS)
    lines = [f"<table><thead><tr><th>what</th><th>aspect</th>{head}</tr></thead><tbody>"]
    for one in subjects:
        cells = "".join(f"<td class=n>{text(words(one))}</td>" for _, words in COLUMNS)
        kind = " class=over" if one.evidence.is_over else ""
        star = " ★" if one.evidence.is_over else ""
        what = text(f"{one.kind} {one.name}{star}")
        lines.append(f"<tr{kind}><td>{what}</td><td>{one.aspect}</td>{cells}</tr>")
    return "\n".join([*lines, "</tbody></table>"])


def picture(one: SubjectStatus) -> Iterable[str]:
    """Yield the picture of one subject, if there is something to draw."""
    drawing = draw(one.bins, one.history, one.effect.tolerated)
    if not drawing:
        return
    title = f"{one.name}: {one.aspect}"
    yield f"<h3>{text(title)}</h3>"
    if one.sentence:
        yield f"<p>{text(one.sentence)}</p>"
    yield f'<figure role=img aria-label="{text(title)}">{drawing}</figure>'
    if one.bins and one.bins.labels:
        named = (f"{i}: {label}" for i, label in enumerate(one.bins.labels, 1))
        yield f"<p class=quiet>{text(', '.join(named))}</p>"
