"""The demo itself, part by part; a part returns what was not as it should be."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from runtime.backends.base import Array
from runtime.testing.demo import filetypes, measure, show, words
from runtime.testing.demo.clients import Load, Tally, ask, is_right
from runtime.testing.demo.questions import Question
from runtime.testing.demo.wheels import Files
from runtime.testing.running import RunningServer, Samples
from runtime.testing.waiting import wait_until

if TYPE_CHECKING:
    import tritonclient.grpc as triton

RESTART_LIMIT_S = 60.0
ANSWERS_AFTERWARDS = 100


def show_models(files: Files) -> None:
    """Say which models were taken out of which wheels."""
    show.answers(
        ("model", "what it does", "size", "out of"),
        (
            ("magika", "2,048 bytes of a file -> one of 214 types",
             megabytes(files.magika.stat().st_size), "magika"),
            ("ocr", "an image of a line of text -> characters",
             megabytes(files.ocr.stat().st_size), "rapidocr-onnxruntime"),
        ),
    )  # fmt: skip


def megabytes(size: int) -> str:
    """Return a size as a person reads it."""
    return f"{size / 1e6:.1f} MB"


def show_start(server: RunningServer) -> list[str]:
    """Show what the server says at its start; models that are not ready are problems."""
    # The ready file comes first, the table of models after it.
    wait_until(lambda: any("gRPC" in line for line in server.log), "the server said where")
    show.log_lines(line for line in server.log if line.strip())
    states: dict[str, str] = server.about["models"]
    return [f"{name} is {state}" for name, state in states.items() if state != "READY"]


def check(question: Question, answer: Array, said: str) -> list[str]:
    """Return what is wrong with an answer, as a person reads it and number by number."""
    problems = []
    if said != question.right:
        problems.append(f"{question.about} is {question.right!r}, the answer {said!r}")
    if not is_right(question.case, answer):
        far = float(np.abs(answer - question.case.expected).max())
        problems.append(f"{question.about}: {far} away from ONNX Runtime's answer")
    return problems


def ask_about_files(
    client: triton.InferenceServerClient,
    questions: list[Question],
    config: filetypes.Config,
    types: dict[str, filetypes.ContentType],
) -> list[str]:
    """Ask magika about files."""
    problems: list[str] = []
    rows = []
    for question in questions:
        answer = ask(client, question.case)
        guess = filetypes.guess(answer[0], config, types)
        found = check(question, answer, guess.label)
        about = types[guess.label].description
        rows.append(
            (question.about, f"[bold]{guess.label}[/]", about, f"{guess.score:.3f}",
             show.verdict(not found))
        )  # fmt: skip
        problems += found
    show.answers(("file", "magika says", "", "score", ""), rows)
    return problems


def ask_about_words(
    client: triton.InferenceServerClient,
    questions: list[Question],
    alphabet: tuple[str, ...],
) -> list[str]:
    """Ask the recogniser to read."""
    problems: list[str] = []
    rows = []
    for question in questions:
        answer = ask(client, question.case)
        reading = words.decode(answer[0], alphabet)
        found = check(question, answer, reading.text)
        width = question.case.values.shape[-1]
        rows.append(
            (question.about, f"{width} x {words.HEIGHT}", f"[bold]{reading.text}[/]",
             f"{reading.confidence:.3f}", show.verdict(not found))
        )  # fmt: skip
        problems += found
    show.answers(("rendered", "pixels", "ocr reads", "confidence", ""), rows)
    return problems


def run_load(server: RunningServer, load: Load, seconds: float) -> list[str]:
    """Let clients ask for so long and show what it cost."""
    begun, before = load.tally(), measure.look(server)
    with show.bar() as bar:
        task = bar.add_task("asking both models", total=seconds, count=0, rate=0.0)
        while (elapsed := time.monotonic() - before.at_s) < seconds:
            count = load.tally(0.2).total - begun.total
            bar.update(task, completed=elapsed, count=count, rate=count / max(elapsed, 0.1))
        after, seen = measure.look(server), since(begun, load.tally())
        bar.update(task, completed=seconds, count=seen.total, rate=seen.total / seconds)
    cost = measure.cost(before, after, sorted(seen.answers))
    client_us = seen.cpu_s / max(1, seen.total) * 1e6
    show.load(cost, seen, client_us)
    return [*failures(seen), *([f"{cost.failed} requests failed"] if cost.failed else [])]


def kill_workers(server: RunningServer, load: Load) -> list[str]:
    """Kill each worker in turn while clients ask."""
    problems = []
    for pid in server.worker_pids():
        problems += kill_worker(server, load, pid)
    return problems


def kill_worker(server: RunningServer, load: Load, pid: int) -> list[str]:
    """Kill one worker, wait for another, and for answers of the model it served."""
    begun, before = load.tally(), server.samples()
    workers = measure.total(before, "leeboard_workers")
    deaths = measure.total(before, "leeboard_worker_deaths_total")

    def replaced() -> bool:
        load.tally()
        now = server.samples()
        return (
            measure.total(now, "leeboard_worker_deaths_total") > deaths
            and measure.total(now, "leeboard_workers") == workers
        )

    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_until(replaced, "another worker is ready", RESTART_LIMIT_S)
    took_s = time.monotonic() - killed
    after = server.samples()
    model = grown(before, after)
    answered = load.tally().answers[model]
    wait_until(
        enough(load, model, answered + ANSWERS_AFTERWARDS),
        f"{ANSWERS_AFTERWARDS} answers from the new worker",
    )
    seen = since(begun, load.tally())
    reruns = measure.total(after, "leeboard_reruns_total") - measure.total(
        before, "leeboard_reruns_total"
    )
    show.death(model, pid, took_s, int(reruns), seen)
    return failures(seen)


def enough(load: Load, model: str, answers: int) -> Callable[[], bool]:
    """Return a test for so many answers of a model."""
    return lambda: load.tally(0.1).answers[model] >= answers


def grown(before: Samples, after: Samples) -> str:
    """Return the model one of whose workers died between two looks."""
    models = {dict(labels).get("model", "") for _, labels in after}
    name = "leeboard_worker_deaths_total"
    return max(
        models - {""},
        key=lambda m: (
            measure.total(after, name, model=m) - measure.total(before, name, model=m)
        ),
    )


def since(begun: Tally, now: Tally) -> Tally:
    """Return what clients saw between two looks."""
    return Tally(
        now.answers - begun.answers,
        now.failed - begun.failed,
        now.wrong - begun.wrong,
        now.examples,
        now.cpu_s - begun.cpu_s,
    )


def failures(seen: Tally) -> list[str]:
    """Return what clients had to complain of."""
    if not seen.failed and not seen.wrong:
        return []
    return [
        f"{seen.failed} requests failed, {seen.wrong} answers were wrong: {seen.examples}"
    ]
