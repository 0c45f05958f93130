"""docs/streaming.md holds: its commands print what it says, its errors are a server's."""

from __future__ import annotations

import re

import pytest
import tritonclient.grpc as triton

from runtime.testing.running import RunningServer
from tests.integration.pages import ANY, ROOT, Page, Said, is_as_said

PAGE = Page("streaming.md")
QUOTES = re.findall(r"^> (.*)$", PAGE.text, re.MULTILINE)
WRONG = {
    "yields": ("yield {'y': batch['x']}", ""),
    "returns": ("return {'y': batch['x']}", "decoupled: true\n"),
}
TENSORS = """max_batch_size: 1
inputs:
  - {name: x, datatype: FP32, dims: [1]}
outputs:
  - {name: y, datatype: FP32, dims: [1]}
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    return PAGE.run(tmp_path_factory.mktemp("streaming"))


@pytest.mark.parametrize("at", range(len(PAGE.of("sh"))))
def test_commands_print_what_the_page_says(session: list[Said], at: int) -> None:
    assert is_as_said(session[at]), session[at]


@pytest.fixture(scope="module")
def reasons(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Why models with the page's usual errors do not serve."""
    folder = tmp_path_factory.mktemp("wrong")
    for name, (body, settings) in WRONG.items():
        model = folder / name / "1" / "model.py"
        model.parent.mkdir(parents=True)
        model.write_text(f"class Model:\n    def predict(self, batch):\n        {body}\n")
        (folder / name / "leeboard.yaml").write_text(settings + TENSORS)
    options = ("--model-control-mode", "explicit", "--load-model", "*")
    with (
        RunningServer(folder, *options) as server,
        triton.InferenceServerClient(server.grpc) as client,
    ):
        return "\n".join(m.reason for m in client.get_model_repository_index().models)


@pytest.mark.parametrize("quote", QUOTES, ids=range(len(QUOTES)))
def test_a_usual_error_is_quoted_as_a_server_says_it(reasons: str, quote: str) -> None:
    assert len(QUOTES) == len(WRONG)
    pattern = "[^\n]*".join(map(re.escape, quote.split(ANY)))
    assert re.search(pattern, reasons), reasons


def test_bounds_on_the_page_are_those_of_the_code() -> None:
    header = (ROOT / "csrc" / "front" / "infer_stream.h").read_text()
    source = (ROOT / "csrc" / "front" / "infer_stream.cc").read_text()
    numbers = [
        int(found[1])
        for found in (
            re.search(r" stream_messages = (\d+);", header),
            re.search(r" connection_messages = (\d+);", header),
            re.search(r" kMostUnsentParts = (\d+);", source),
        )
        if found is not None
    ]
    stall = re.search(r" stall_timeout = ([\d']+);", header)
    assert stall is not None
    seconds = int(stall[1].replace("'", "")) // 10**9
    assert f"After {seconds} s in which" in PAGE.text
    assert f"may have {numbers[0]} requests under way" in PAGE.text
    assert f"a connection {numbers[1]:,}" in PAGE.text
    assert f"at most {numbers[2]} responses of a stream wait" in PAGE.text
