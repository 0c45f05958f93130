"""Names in the registry."""

from __future__ import annotations

import pytest

from runtime.registry.references import (
    Reference,
    check_name,
    parse_reference,
    split_reference,
)
from runtime.registry.source import RegistryError


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("fraud", Reference("fraud")),
        ("fraud@champion", Reference("fraud", "champion")),
        ("fraud/12", Reference("fraud", number=12)),
        ("caf\u00e9 v1.2-x@a.b-c_1", Reference("caf\u00e9 v1.2-x", "a.b-c_1")),
    ],
)
def test_a_reference_is_read_and_written_back(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    ["", "@champion", "fraud@", "fraud@1", "fraud@a@b", "fraud/", "fraud/0", "fraud/01",
     "fraud/x", "fraud/1/2", "/1", "fraud@-", "fraud/\u0663", "fraud/" + "9" * 19],
)  # fmt: skip
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(RegistryError, match=r"is no (name of a model|alias|version)"):
        parse_reference(text)


@pytest.mark.parametrize(
    "name", ["", ".x", "..", "a/b", "a@b", "a\\b", "a\nb", "\x1b[2J", "a" * 256, "\ud800"]
)
def test_a_name_that_cannot_be_a_folder_is_refused(name: str) -> None:
    with pytest.raises(RegistryError, match="is no name of a model") as refused:
        check_name(name)
    assert str(refused.value).isprintable()


def test_a_reference_may_end_with_a_digest() -> None:
    assert split_reference("fraud/ab12cd") == ("fraud", "ab12cd")
    assert split_reference("fraud") == ("fraud", "")
    with pytest.raises(RegistryError):
        split_reference("fraud@1")
