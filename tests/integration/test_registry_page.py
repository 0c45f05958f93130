"""docs/registry.md holds: its scripts push, its commands print what it says."""

from __future__ import annotations

import typing

import pytest

from runtime.registry.mlflow_source import ALIAS, DIGEST, SERVER, STATE
from runtime.registry.pushing import Details, push
from tests.integration.pages import Page, Said, is_as_said

PAGE = Page("registry.md")
INSTALLS = "pip install"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    PAGE.blocks = [block for block in PAGE.blocks if INSTALLS not in block.text]
    return PAGE.run(tmp_path_factory.mktemp("registry"))


COMMANDS = [text for text in PAGE.of("sh") if INSTALLS not in text]


@pytest.mark.parametrize("at", range(len(COMMANDS)))
def test_commands_print_what_the_page_says(session: list[Said], at: int) -> None:
    assert is_as_said(session[at]), session[at]


def test_every_argument_of_push_is_told() -> None:
    arguments = {*typing.get_type_hints(Details), *typing.get_type_hints(push)}
    own = {"name", "model", "registry", "sample", "return", "details"}
    assert [name for name in arguments - own if f"`{name}`" not in PAGE.text] == []


@pytest.mark.parametrize("tag", [DIGEST, STATE, f"{SERVER}NAME", f"{ALIAS}ALIAS"])
def test_every_tag_is_told(tag: str) -> None:
    assert f"| `{tag}` |" in PAGE.text
