"""The pages about what is written beside a model: their tables and examples are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runtime.models import leeboard_yaml, triton_config
from runtime.models.model_folder import ModelFolder
from runtime.models.settings import ModelSettings
from tools.model_docs import DOCS, PAGES, rendered

EXAMPLE = re.compile(r"^```(yaml|protobuf)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    (name, kind, text)
    for name in PAGES
    for kind, text in EXAMPLE.findall(DOCS.joinpath(name).read_text("utf-8"))
]
READERS = {"yaml": leeboard_yaml.read, "protobuf": triton_config.from_text}


@pytest.mark.parametrize("name", PAGES)
def test_a_pages_table_is_what_the_code_says(name: str) -> None:
    text = DOCS.joinpath(name).read_text("utf-8")
    assert rendered(text) == text, "run `python -m tools.model_docs`"
    assert text.count("\n| `") > 30


@pytest.mark.parametrize(("page", "kind", "text"), EXAMPLES)
def test_an_example_is_read(tmp_path: Path, page: str, kind: str, text: str) -> None:
    folder = ModelFolder(tmp_path / "classifier", tmp_path)
    folder.path.mkdir()
    (folder.path / "labels.txt").write_text("cat\ndog\n")
    settings = READERS[kind](text, folder, page)
    assert settings != ModelSettings(origin=page)
    assert settings.notes == ()


def test_every_page_is_in_the_index_and_every_link_leads_somewhere() -> None:
    index = (DOCS / "README.md").read_text("utf-8")
    linked = re.findall(r"\]\(([^)#]+)\)", index)
    assert {path.name for path in DOCS.glob("*.md")} - {"README.md"} <= set(linked)
    for page in DOCS.glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert "://" in link or (DOCS / link).exists(), f"{page.name}: {link}"
