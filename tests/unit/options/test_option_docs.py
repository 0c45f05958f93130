"""The page about the server's options: its table and its example are true."""

from __future__ import annotations

import re
from pathlib import Path

from runtime.options.checking import mistakes_of
from runtime.options.table import OPTIONS
from tools.option_docs import PAGE, rendered

TEXT = PAGE.read_text("utf-8")


def test_the_table_is_what_the_code_says() -> None:
    assert rendered(TEXT) == TEXT, "run `python -m tools.option_docs`"
    assert TEXT.count("\n| `--") + 1 == len(OPTIONS)
    rows = [line for line in TEXT.splitlines() if line.startswith("| `--")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}


def test_the_example_can_be_used(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    (tmp_path / "models").mkdir()
    (tmp_path / "server.yaml").write_text(example)
    assert mistakes_of(tmp_path / "server.yaml") == []
