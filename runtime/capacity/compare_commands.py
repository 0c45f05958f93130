"""``leeboard bench compare``: is B no worse than A, and how sure is that?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from runtime.capacity import sweep_commands
from runtime.capacity.comparison import Comparison, Run, Wish, compare
from runtime.capacity.figures import Flaw, choose_metric, kind_of, read_figure, refuse_flaws
from runtime.capacity.options import save_json
from runtime.capacity.pairs import pairs
from runtime.capacity.program import Program, read_program, run_program
from runtime.capacity.report_sets import is_set, pair_sets
from runtime.errors import ConfigError
from runtime.statistics.intervals import Verdict, show

STATUSES: dict[Verdict, int] = {"met": 0, "not met": 3, "unresolved": 4}
"""Exit statuses; an error is 1 and wrong usage 2, as in every command."""

PAIRS = 10
LIMIT_S = 600.0

Tell = Callable[[str], None]


def say(line: str) -> None:
    """Write a line of progress."""
    sys.stderr.write(f"{line}\n")


def run_pairs(
    baseline: Program, candidate: Program, n: int, check: Callable[[Run], None]
) -> list[tuple[Run, Run]]:
    """Run two commands in ABBA order; `check` sees each run at once, and may raise."""
    counts = {"A": 0, "B": 0}

    def side(letter: str, program: Program) -> Run:
        counts[letter] += 1
        run = Run(f"run {counts[letter]} of {letter}", run_program(program))
        check(run)
        return run

    return pairs(n, partial(side, "A", baseline), partial(side, "B", candidate))


def checker(metric: str | None, allow: Sequence[Flaw], tell: Tell) -> Callable[[Run], None]:
    """Return what refuses a run that cannot be compared, and tells its figure."""

    def check(run: Run) -> None:
        refuse_flaws(run.report, run.name, allow)
        path = metric or choose_metric([run.report])
        tell(f"{run.name}: {path} {read_figure(run.report, path, run.name):,.4g}")

    return check


def collect(
    sides: tuple[str, str], n: int | None, limit_s: float, check: Callable[[Run], None]
) -> list[tuple[Run, Run]]:
    """Read two sets, or run two commands; ConfigError when one is this, one that."""
    if is_set(sides[0]) != is_set(sides[1]):
        raise ConfigError("A and B are two commands, or two sets of JSON; not one of each")
    if is_set(sides[0]):
        if n is not None:
            raise ConfigError("--pairs is for commands; sets have as many as they have")
        made = pair_sets(Path(sides[0]), Path(sides[1]))
        for run in (run for pair in made for run in pair):
            check(run)
        return made
    if n is not None and n < 1:
        raise ConfigError(f"--pairs is {n}; it must be 1 or more")
    if limit_s <= 0:
        raise ConfigError(f"--limit is {limit_s:g}; it must be above zero")
    baseline, candidate = (read_program(text, limit_s) for text in sides)
    return run_pairs(baseline, candidate, PAIRS if n is None else n, check)


def describe(found: Comparison, sides: tuple[str, str]) -> str:
    """Write the figures of both sides, their ratio, the limit and the verdict."""
    kind = kind_of(found.metric)
    unit = kind.unit if kind else ""
    better = f", {kind.better} is better" if kind else ""
    baseline, candidate = found.sides
    ratio = found.ratio
    return "\n".join(
        [
            f"{found.metric}{better}; median [interval], {ratio.n} pairs, "
            f"{ratio.confidence:.1%} confidence",
            f"A, baseline:  {show(baseline, unit)}   {sides[0]}",
            f"B, candidate: {show(candidate, unit)}   {sides[1]}",
            f"B / A:        {show(ratio, '')}",
            f"limit:        B / A {found.limit.sense} {found.limit.value:g}",
            f"verdict:      {found.verdict}",
        ]
    )


def compare_command(
    baseline: Annotated[
        str, typer.Argument(metavar="A", help="The baseline: a command, or JSON.")
    ],
    candidate: Annotated[
        str, typer.Argument(metavar="B", help="The candidate, of the same kind as A.")
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            help="A path in the JSON, e.g. latency_us.p99. Default: "
            "server_cpu_us_per_request if every report has it, else latency_us.p50."
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="How much worse B may be than A; 0.03 unless a limit is given."),
    ] = None,
    at_most: Annotated[float | None, typer.Option(help="Highest B / A to accept.")] = None,
    at_least: Annotated[float | None, typer.Option(help="Lowest B / A to accept.")] = None,
    pairs: Annotated[
        int | None, typer.Option(help=f"Pairs of runs of two commands; {PAIRS}.")
    ] = None,
    limit: Annotated[
        float, typer.Option(help="Seconds that one run of a command may take.")
    ] = LIMIT_S,
    allow: Annotated[
        list[Flaw] | None,
        typer.Option(
            help="Take reports all the same that were stopped early, were bounded by "
            "their client, or have failed requests. May be repeated."
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="Write pairs, interval and verdict here."),
    ] = None,
) -> None:
    """Compare B with A: the interval of B / A, and whether it keeps a limit.

    A and B are both commands, run in turn (A B, B A, ...), or both sets of JSON: a folder
    of *.json, a file with a list of reports, or one report. A command is run without a
    shell. It writes its report to the path that stands for {json} in it, or prints it at
    the end of its output.

    Exit status: 0 met, 3 not met, 4 unresolved (the interval lies across the limit; more
    pairs may tell), 1 an error, 2 wrong usage.
    """
    sides = (baseline, candidate)
    wish = Wish(metric, margin, at_most, at_least)
    made = collect(sides, pairs, limit, checker(metric, allow or [], say))
    found = compare(made, wish)
    sys.stdout.write(describe(found, sides) + "\n")
    if json_file is not None:
        reports = [[run.report for run in pair] for pair in made]
        content = {"sides": list(sides), **found.as_json(), "reports": reports}
        save_json(json_file, content)
    raise typer.Exit(STATUSES[found.verdict])


def register(bench: typer.Typer) -> None:
    """Add ``compare`` and ``sweep`` to ``leeboard bench``."""
    bench.command("compare")(compare_command)
    sweep_commands.register(bench)
