"""``make demo-models``: a model of every format on one server, and what each answers.

    python -m runtime.testing.demo_models [--folder FOLDER]

The exit status is 0 only when every answer was right.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.markup import escape

from runtime.errors import LeeboardError
from runtime.testing.demo import show
from runtime.testing.demo.__main__ import end_as_ctrl_c_does
from runtime.testing.demo_models.downloads import folder

FORMATS = (
    ("magika", "an ONNX file, nothing beside it"),
    ("filetype", "the same in Triton's layout: config.pbtxt and labels"),
    ("vad_onnx", "ONNX, unbatched: its state is [2, batch, 128], its rate a scalar"),
    ("vad_script", "TorchScript, the network of vad_whole"),
    ("vad_whole", "TorchScript as it is shipped: it keeps a state, so the gate refuses it"),
    ("minilm", "a module, and weights in safetensors"),
    ("minilm_pt2", "the same weights in a program of torch.export"),
    ("redact", "a Python class"),
)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="demo-models", description="Models of every format, answering."
    )
    parser.add_argument(
        "--folder", type=Path, default=folder(),
        help="where the models are kept (%(default)s)",
    )  # fmt: skip
    return parser.parse_args(arguments)


def play(kept: Path) -> list[str]:
    """Show all parts and return what was not as it should be."""
    import tritonclient.grpc as triton

    from runtime.testing.demo.acts import show_start
    from runtime.testing.demo_models import acts, assets, speech
    from runtime.testing.running import RunningServer

    show.heading(1, "Models of every format")
    with show.console.status("getting three wheels (98 MB, the first time only)"):
        files = assets.obtain(kept)
    with show.console.status("writing what belongs beside them"):
        assets.prepare(files)
        rng = np.random.default_rng(acts.SEED)
        scene = speech.scene([speech.speak(text) for text in acts.SPOKEN], rng)
        asked = acts.about_files(files)
    show.answers(("model", "what it is"), FORMATS)

    allowed = ("--allow-module", assets.ALLOWED)
    width = f"COLUMNS={show.console.width - 4}"
    show.heading(2, f"leeboard serve {show.place(files.repository)} {' '.join(allowed)}")
    with ExitStack() as running:
        with show.console.status("starting"):
            server = running.enter_context(
                RunningServer(files.repository, *allowed, prefix=("env", width))
            )
        expected = f"{acts.REFUSED} is UNAVAILABLE"
        problems = [p for p in show_start(server) if p != expected]
        client = running.enter_context(triton.InferenceServerClient(server.grpc))
        stage = acts.Stage(client, files)
        parts: tuple[tuple[str, Callable[[], list[str]]], ...] = (
            ("magika: what are these files?", lambda: acts.what_files_are(stage, asked)),
            ("filetype: the three best classes, by Triton's extension",
             lambda: acts.which_classes(stage, asked)),
            ("vad_onnx, vad_script: where does somebody speak?",
             lambda: acts.where_speech_is(stage, scene)),
            ("minilm, minilm_pt2: which sentences mean the same?",
             lambda: acts.what_sentences_mean(stage)),
            ("redact: personal data out of text, four texts in one request",
             lambda: acts.what_is_redacted(stage)),
            ("vad_whole: refused before any traffic", lambda: acts.what_is_refused(stage)),
        )  # fmt: skip
        for number, (title, part) in enumerate(parts, 3):
            show.heading(number, title)
            problems += part()
    return problems


def main(arguments: list[str]) -> int:
    """Run from the command line and return the exit status."""
    chosen = parse(arguments)
    signal.signal(signal.SIGTERM, end_as_ctrl_c_does)
    started = time.monotonic()
    try:
        problems = play(chosen.folder)
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
