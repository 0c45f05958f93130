"""Alert rules that Prometheus' promtool takes, and fires as they should."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from runtime.monitor.export import RULES, write_exports
from tests.integration.programs import needed

ALARMS = 'leeboard_monitor_alarms{model="housing",version="3"'
SERIES = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: '{alarms},aspect=\"drift\",state=\"firing\"}}'
        values: '0 0 2 2 0'
      - series: '{alarms},aspect=\"drift\",state=\"resolved\"}}'
        values: '5 5 5 5 7'
      - series: '{alarms},aspect=\"harm\",state=\"cooling\"}}'
        values: '0 0 0 1 0'
      - series: 'leeboard_monitor_sink_lost_total{{sink="log"}}'
        values: '0 0 0 4 4'
    alert_rule_test:
      - {{eval_time: 1m, alertname: LeeboardModelDrift, exp_alerts: []}}
      - eval_time: 3m
        alertname: LeeboardModelDrift
        exp_alerts:
          - exp_labels: {{severity: warning, model: housing, version: "3", aspect: drift}}
            exp_annotations: {{summary: "housing/3: 2 alarms about drift"}}
      - {{eval_time: 4m, alertname: LeeboardModelDrift, exp_alerts: []}}
      - eval_time: 3m
        alertname: LeeboardModelHarmed
        exp_alerts:
          - exp_labels: {{severity: critical, model: housing, version: "3", aspect: harm}}
            exp_annotations: {{summary: "housing/3 answers worse than its own baseline"}}
      - eval_time: 3m
        alertname: LeeboardAlarmsNotTold
        exp_alerts:
          - exp_labels: {{severity: critical, sink: log}}
            exp_annotations: {{summary: "log was not told changes of alarms"}}
  - interval: 1m
    input_series:
      - series: 'leeboard_monitor_last_look_seconds{{model="housing",version="3"}}'
        values: '60 60 60 60 60 60 60 60 60 60 60'
      - series: 'leeboard_monitor_coverage_ratio{{model="housing",version="3"}}'
        values: '0.25+0x30'
    alert_rule_test:
      - {{eval_time: 5m, alertname: LeeboardMonitorStopped, exp_alerts: []}}
      - eval_time: 9m
        alertname: LeeboardMonitorStopped
        exp_alerts:
          - exp_labels: {{severity: critical, model: housing, version: "3"}}
            exp_annotations: {{summary: "nobody has looked at housing/3 for five minutes"}}
      - {{eval_time: 10m, alertname: LeeboardMonitorCoverageLow, exp_alerts: []}}
      - eval_time: 20m
        alertname: LeeboardMonitorCoverageLow
        exp_alerts:
          - exp_labels: {{severity: warning, model: housing, version: "3"}}
            exp_annotations: {{summary: "statistics see 25% of housing/3's rows"}}
"""


def promtool(*arguments: str) -> str:
    """Run promtool; returns what it says."""
    done = subprocess.run(
        [needed("promtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    write_exports(tmp_path)
    count = sum(
        len(group["rules"])
        for group in yaml.safe_load((tmp_path / RULES).read_text())["groups"]
    )
    assert f"{count} rules found" in promtool("check", "rules", str(tmp_path / RULES))


def test_the_rules_fire_when_they_should_and_then_only(tmp_path: Path) -> None:
    write_exports(tmp_path)
    tests = tmp_path / "tests.yml"
    tests.write_text(SERIES.format(rules=RULES, alarms=ALARMS))
    assert "SUCCESS" in promtool("test", "rules", str(tests))
