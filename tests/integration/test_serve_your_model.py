"""docs/serve-your-model.md holds: its files load, its questions get its answers, and its
usual errors are what a server says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
import tritonclient.grpc as triton

from runtime.testing.running import RunningServer
from tests.integration import usual_errors

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT.joinpath("docs", "serve-your-model.md").read_text("utf-8")
ADDRESS = "127.0.0.1:8001"
LIMIT_S = 120
BLOCK = re.compile(
    r"(?:^`(?P<path>[\w./]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
RUN_ALL = "import runpy, sys; [runpy.run_path(path) for path in sys.argv[1:]]"
ANY = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block, the file that it is, if any, and the heading above it."""

    section: str
    path: str
    kind: str
    text: str


def read_page() -> list[Block]:
    found = []
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE):
        section = part.partition("\n")[0]
        found += [
            Block(section, match["path"] or "", match["kind"], match["text"])
            for match in BLOCK.finditer(part)
        ]
    return found


BLOCKS = read_page()
CLIENT = next(block.text for block in BLOCKS if ADDRESS in block.text)
FILES = [block for block in BLOCKS if block.path]
SCRIPTS = [
    block
    for block in BLOCKS
    if block.kind == "python" and not block.path and "print(" not in block.text
    if block.text != CLIENT
]
ANSWERED = [
    (question, answer)
    for question, answer in pairwise(BLOCKS)
    if question.kind == "python" and answer.kind == "text" and not answer.path
]
QUOTES = re.findall(r"^> (.*)$", PAGE, re.MULTILINE)
LATER = ("Versions", "When it does not load")
NEEDS = {"scikit-learn": "skl2onnx"}


def has_needs(section: str) -> bool:
    """Whether what makes a section's file is installed."""
    return section not in NEEDS or find_spec(NEEDS[section]) is not None


def run(folder: Path, source: str, *arguments: str) -> str:
    """Run Python in the folder and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments], cwd=folder,
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_scripts(folder: Path, *sections: str) -> None:
    """Run some sections' scripts, each by itself, in one process: PyTorch starts once."""
    paths = []
    for number, block in enumerate(SCRIPTS):
        if block.section in sections and has_needs(block.section):
            # In files: TorchScript reads the source of what it compiles.
            paths.append(folder / f"script_{number}.py")
            paths[-1].write_text(block.text)
    assert paths
    run(folder, RUN_ALL, *map(str, paths))


def leeboard(server: RunningServer, *arguments: str, status: int = 0) -> str:
    """Run the command, which must end with this status, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "runtime.cli", *arguments, "--url", server.grpc],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the page makes before it starts the server."""
    pytest.importorskip("torch")
    place = tmp_path_factory.mktemp("page")
    for block in FILES:
        path = place / block.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
    run_scripts(place, *{block.section for block in SCRIPTS} - {*LATER})
    return place


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    prefix = ("env", f"PYTHONPATH={folder}:{ROOT}")
    arguments = ("--model-control-mode", "explicit", "--load-model", "*", "--strict",
                 "--allow-module", "my_models")  # fmt: skip
    with RunningServer(folder / "models", *arguments, prefix=prefix) as running:
        yield running


def test_every_format_has_an_answer_and_a_usual_error() -> None:
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    told = [part.partition("\n")[0] for part in parts if "The usual error" in part]
    assert told == [question.section for question, _ in ANSWERED]
    assert len(QUOTES) > len(told)


@pytest.mark.parametrize(
    ("question", "answer"),
    [(q, a) for q, a in ANSWERED if q.section not in LATER],
    ids=[q.section for q, _ in ANSWERED if q.section not in LATER],
)
def test_a_question_gets_the_answer_on_the_page(
    server: RunningServer, folder: Path, question: Block, answer: Block
) -> None:
    if not has_needs(question.section):
        pytest.skip(f"{NEEDS[question.section]} is not installed")
    source = (CLIENT + question.text).replace(ADDRESS, server.grpc)
    assert run(folder, source) == answer.text


def test_a_renamed_folder_is_the_next_version(server: RunningServer, folder: Path) -> None:
    ((question, answer),) = [(q, a) for q, a in ANSWERED if q.section == "Versions"]
    (command,) = [b.text for b in BLOCKS if b.section == "Versions" and b.kind == "sh"]
    run_scripts(folder, "Versions")
    leeboard(server, *command.split()[1:])
    assert (
        run(folder, (CLIENT + question.text).replace(ADDRESS, server.grpc)) == answer.text
    )


def test_a_version_that_fails_leaves_the_one_before_it_serving(
    server: RunningServer, folder: Path
) -> None:
    ((question, answer),) = [(q, a) for q, a in ANSWERED if q.section.startswith("Torch")]
    broken = folder / "models" / "cosine" / "2" / "model.pt"
    broken.parent.mkdir()
    broken.write_bytes(b"not a model")
    said = leeboard(server, "models", "load", "cosine", status=1)
    assert "cosine version 2" in " ".join(said.split())
    source = (CLIENT + question.text).replace(ADDRESS, server.grpc)
    assert run(folder, source) == answer.text


def test_known_answers_are_a_step_of_the_load(server: RunningServer, folder: Path) -> None:
    run_scripts(folder, "When it does not load")
    shutil.copytree(folder / "models" / "linear" / "1", folder / "models" / "known" / "1")
    leeboard(server, "models", "load", "known")
    shown = leeboard(server, "models", "show", "known")
    assert "1 outputs as in golden.npz" in shown
    assert "of warmup.npz" in shown


def test_the_table_lists_the_steps_that_a_model_goes_through(server: RunningServer) -> None:
    table = PAGE[PAGE.index("| step |") :].partition("\n\n")[0]
    steps = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    shown = leeboard(server, "models", "show", "pets")
    taken = [step for step in steps if f" {step} " in shown]
    assert taken == [step for step in steps if step != "golden"]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a server says of models that each have one usual error."""
    pytest.importorskip("torch")
    place = tmp_path_factory.mktemp("usual")
    run(place, f"import runpy; runpy.run_path({usual_errors.__file__!r}, run_name='make')")
    prefix = ("env", "-C", str(place))
    with (
        RunningServer("models", "--allow-module", "torch.nn", prefix=prefix) as running,
        triton.InferenceServerClient(running.grpc) as client,
    ):
        index = client.get_model_repository_index().models
        assert [m.name for m in index if m.state == "READY"] == [usual_errors.FINE]
        return "\n".join([*(model.reason for model in index), *running.log])


@pytest.mark.parametrize("quote", QUOTES, ids=range(len(QUOTES)))
def test_a_usual_error_is_quoted_as_a_server_says_it(said: str, quote: str) -> None:
    pattern = "[^\n]*".join(map(re.escape, quote.split(ANY)))
    assert re.search(pattern, said), said
