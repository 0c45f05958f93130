"""How the demo looks: headings, tables and one bar, and nothing that decides anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from runtime.messages import Message
from runtime.testing.demo.clients import Tally
from runtime.testing.demo.measure import Cost

GOOD, BAD = "[green]right[/]", "[bold red]WRONG[/]"

console = Console()


def heading(number: int, text: str) -> None:
    """Begin a part."""
    console.print()
    console.rule(f"[bold]{number}  {escape(text)}", align="left")


def log_lines(lines: Iterable[str]) -> None:
    """Show what a server wrote, as it wrote it."""
    for line in lines:
        console.print(Text(f"  {line.rstrip()}", style="dim"))


def answers(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Show questions and answers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def verdict(is_right: bool) -> str:
    """Return right or WRONG, in its colour."""
    return GOOD if is_right else BAD


def bar() -> Progress:
    """Return the bar of a load, with the rate beside it."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]:,} answers, {task.fields[rate]:,.0f} a second"),
        TimeRemainingColumn(),
        console=console,
    )


def place(path: Path) -> str:
    """Return a path with the home folder as people write it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def bound_by(cost: Cost, client_us: float) -> str:
    """Say what held the rate down: whoever used most of the processor time."""
    spent = {
        "client-bound": client_us,
        "model-bound": cost.workers_us,
        "server-bound": cost.front_us,
    }
    all_of_it = sum(spent.values()) or 1.0
    share = {name: f"{us / all_of_it:.0%}" for name, us in spent.items()}
    return (
        f"[yellow]{max(spent, key=lambda name: spent[name])}[/]: of all processor time "
        f"{share['model-bound']} went into the models, {share['client-bound']} into the "
        f"Python clients, {share['server-bound']} into the front process"
    )


def load(cost: Cost, seen: Tally, client_us: float) -> None:
    """Show what a load came to."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="bold")
    table.add_column(overflow="fold")
    table.add_row(f"{cost.rate:,.0f}", f"requests a second, {bound_by(cost, client_us)}")
    table.add_row("", "")
    table.add_row("", "[dim]processor time a request[/]")
    table.add_row(f"{cost.front_us:,.0f} µs", "front process")
    table.add_row(f"{cost.front_us + cost.workers_us:,.0f} µs", "front process and workers")
    table.add_row(f"{client_us:,.0f} µs", "the Python clients, checking included")
    table.add_row("", "")
    table.add_row("", "[dim]rows a batch[/]")
    for model, rows in cost.batch_rows.items():
        table.add_row(f"{rows:.1f}", model)
    table.add_row("", "")
    table.add_row(str(seen.failed + cost.failed), "requests failed")
    table.add_row(str(seen.wrong), "answers differ from ONNX Runtime's own")
    console.print(table)


def death(model: str, pid: int, took_s: float, reruns: int, seen: Tally) -> None:
    """Show what the end of one worker came to."""
    console.print(
        f"[bold]kill -9 {pid}[/] ({model}): another worker was ready after "
        f"[bold]{took_s:.2f} s[/]; {reruns} requests that it had were run again"
    )
    console.print(
        f"    since then [bold]{seen.total:,}[/] answers checked, "
        f"[bold]{seen.failed}[/] failed, [bold]{seen.wrong}[/] wrong"
    )


def alarms(found: Sequence[Message]) -> None:
    """Show the sentence of the first alarm, and how many others there are."""
    for alarm in found[:1]:
        console.print(f"[bold red]alarm[/] {escape(alarm.sentence)}", highlight=False)
    if len(found) > 1:
        console.print(f"    and {len(found) - 1} more, about its input and its scores")


def end(problems: Sequence[str], took_s: float) -> None:
    """Say how it went."""
    console.print()
    if not problems:
        console.print(f"[bold green]All of it worked[/], in {took_s:.0f} s.")
    for problem in problems:
        console.print(
            f"[bold red]not as it should be:[/] {escape(problem)}", highlight=False
        )
