"""What other programs need to watch the monitor: alert rules and a Grafana dashboard.

Both name only metrics of `runtime.metrics.monitor`; a test holds them to that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.atomic import write_bytes
from runtime.errors import ConfigError

RULES, DASHBOARD = "leeboard-rules.yml", "leeboard-dashboard.json"
OF_VERSION = "{{ $labels.model }}/{{ $labels.version }}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert: its expression, how long it holds before it fires, and what it says."""

    alert: str
    expression: str
    lasts: str
    severity: str
    summary: str


def firing(aspects: str) -> str:
    """Return the expression of alarms of some aspects, which fire or are cooling."""
    states = "firing|cooling"
    return (
        "sum by (model, version, aspect) (leeboard_monitor_alarms"
        f'{{aspect=~"{aspects}",state=~"{states}"}}) > 0'
    )


WHAT_RULES = (
    Rule("LeeboardModelHarmed", firing("harm"), "0m", "critical",
         f"{OF_VERSION} answers worse than its own baseline"),
    Rule("LeeboardModelDrift", firing("drift|missing|out_of_range|unseen"), "0m", "warning",
         f"{OF_VERSION}: {{{{ $value }}}} alarms about {{{{ $labels.aspect }}}}"),
    Rule("LeeboardContractBroken", firing("schema"), "0m", "critical",
         f"{OF_VERSION} is sent what its schema does not have"),
    Rule("LeeboardGroupGap", firing("gap"), "0m", "warning",
         f"{OF_VERSION} answers groups differently"),
    Rule("LeeboardMonitorBlind", firing("blind"), "0m", "warning",
         f"{OF_VERSION} cannot be watched as it should"),
)  # fmt: skip
ABOUT_RULES = (
    Rule("LeeboardMonitorStopped",
         "time() - leeboard_monitor_last_look_seconds > 300"
         " and leeboard_monitor_last_look_seconds > 0",
         "1m", "critical", f"nobody has looked at {OF_VERSION} for five minutes"),
    Rule("LeeboardMonitorCoverageLow",
         "leeboard_monitor_coverage_ratio < 0.5", "15m", "warning",
         f"statistics see {{{{ $value | humanizePercentage }}}} of {OF_VERSION}'s rows"),
    Rule("LeeboardJournalStopped", "leeboard_monitor_journal_open == 0", "1m", "warning",
         "the journal of predictions takes none: their quality will not be judged"),
    Rule("LeeboardPredictionsLost",
         "increase(leeboard_monitor_journal_predictions_total"
         '{outcome=~"lost|dropped"}[15m]) > 0',
         "0m", "warning", "{{ $value }} predictions were {{ $labels.outcome }}"),
    Rule("LeeboardAlarmsNotTold",
         "increase(leeboard_monitor_sink_lost_total[15m]) > 0", "0m", "critical",
         "{{ $labels.sink }} was not told changes of alarms"),
    Rule("LeeboardSinkFailing",
         "increase(leeboard_monitor_sink_failures_total[15m]) > 3"
         " and increase(leeboard_monitor_sink_sent_total[15m]) == 0",
         "5m", "warning", "{{ $labels.sink }} takes no alarms"),
)  # fmt: skip


def rules_text() -> str:
    """Return alert rules as Prometheus and its promtool read them."""
    import yaml

    groups = [
        {"name": "leeboard-models", "rules": [_rule(each) for each in WHAT_RULES]},
        {"name": "leeboard-monitor", "rules": [_rule(each) for each in ABOUT_RULES]},
    ]
    text: str = yaml.safe_dump({"groups": groups}, sort_keys=False, width=1_000)
    return text


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "alert": rule.alert,
        "expr": rule.expression,
        "for": rule.lasts,
        "labels": {"severity": rule.severity},
        "annotations": {"summary": rule.summary},
    }


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel of the dashboard: queries with their legends, and how it is drawn."""

    title: str
    queries: Sequence[tuple[str, str]]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 12
    limit: float | None = None


CHOSEN = '{model=~"$model",version=~"$version"}'
PANELS = (
    Panel("Open alarms", [(
        'sum(leeboard_monitor_alarms{model=~"$model",version=~"$version",'
        'state=~"firing|cooling"}) or vector(0)', "open")], "stat", width=6, limit=1),
    Panel("Rows seen a second", [(
        f"sum(rate(leeboard_monitor_rows_total{CHOSEN}[5m]))", "rows/s")],
        "stat", "rowsps", 6),
    Panel("Coverage", [(f"min(leeboard_monitor_coverage_ratio{CHOSEN})", "least")],
          "stat", "percentunit", 6),
    Panel("Since the last look", [(
        f"time() - min(leeboard_monitor_last_look_seconds{CHOSEN})", "seconds")],
        "stat", "s", 6, 300),
    Panel("Evidence over its limit", [
        (f"leeboard_monitor_evidence_ratio{CHOSEN}",
         "{{model}}/{{version}} {{name}} {{aspect}}"),
        (f"leeboard_monitor_rest_evidence_ratio{CHOSEN}", "{{model}}/{{version}} the rest"),
    ], limit=1),
    Panel("Effect over what is tolerated", [(
        f"leeboard_monitor_effect{CHOSEN} / leeboard_monitor_effect_tolerated{CHOSEN}",
        "{{model}}/{{version}} {{name}} {{aspect}}")], limit=1),
    Panel("Alarms by state", [(
        f"sum by (state) (leeboard_monitor_alarms{CHOSEN})", "{{state}}")]),
    Panel("What is watched", [
        (f"leeboard_monitor_subjects{CHOSEN}", "{{model}}/{{version}}"),
        (f"leeboard_monitor_rest_subjects{CHOSEN}",
         "{{model}}/{{version}} without a line of its own"),
        (f"rate(leeboard_monitor_looks_total{CHOSEN}[5m])",
         "{{model}}/{{version}} looks/s"),
    ]),
    Panel("Changes of alarms that sinks told and lost", [
        ("rate(leeboard_monitor_sink_sent_total[5m])", "{{sink}} told"),
        ("rate(leeboard_monitor_sink_failures_total[5m])", "{{sink}} failed tries"),
        ("rate(leeboard_monitor_sink_lost_total[5m])", "{{sink}} lost"),
    ], width=24),
    Panel("Predictions that wait for labels", [
        ("leeboard_monitor_journal_rows", "predictions"),
        ("leeboard_monitor_journal_open", "1 while they are taken")], width=6),
    Panel("The journal's bytes", [("leeboard_monitor_journal_bytes", "bytes")],
          unit="bytes", width=6),
    Panel("The eldest prediction", [
        ("time() - leeboard_monitor_journal_oldest_seconds", "age")], "stat", "s", 6),
    Panel("What became of predictions and labels", [
        ("rate(leeboard_monitor_journal_predictions_total[5m])", "{{outcome}}"),
        ("rate(leeboard_monitor_labels_total[5m])", "labels {{outcome}}")], width=6),
)  # fmt: skip
COLUMNS, HEIGHT = 24, 8
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard_text() -> str:
    """Return a dashboard as Grafana imports it."""
    values = {
        "title": "Leeboard: drift and harm",
        "uid": "leeboard-monitor",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus"},
            _variable("model", "label_values(leeboard_monitor_looks_total, model)"),
            _variable("version", "label_values("
                      'leeboard_monitor_looks_total{model=~"$model"}, version)'),
        ]},
        "panels": _placed(PANELS),
    }  # fmt: skip
    return json.dumps(values, indent=1) + "\n"


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name, "type": "query", "datasource": SOURCE, "query": query,
        "definition": query, "refresh": 2, "includeAll": True, "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """Return panels in rows from left to right."""
    found, x, y = [], 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y = 0, y + HEIGHT
        place = {"x": x, "y": y, "w": panel.width, "h": HEIGHT}
        found.append({"id": number, "gridPos": place, **_drawn(panel)})
        x += panel.width
    return found


def _drawn(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    custom = {"thresholdsStyle": {"mode": "line" if panel.limit else "off"}}
    return {
        "title": panel.title,
        "type": panel.kind,
        "datasource": SOURCE,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": custom if panel.kind == "timeseries" else {},
            },
            "overrides": [],
        },
        "targets": [
            {"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expression,
             "legendFormat": legend}
            for i, (expression, legend) in enumerate(panel.queries)
        ],
    }  # fmt: skip


def write_exports(folder: Path) -> list[Path]:
    """Write both files into a folder, which is made; return their paths."""
    contents = {RULES: rules_text(), DASHBOARD: dashboard_text()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            write_bytes(folder / name, text.encode())
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written to: {error}") from error
    return [folder / name for name in contents]
