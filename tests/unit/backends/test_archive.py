"""A zip archive is opened only when it is whole and holds what it says."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from runtime.backends.archive import build_archive, open_archive, read_once
from runtime.errors import ModelError

PATH = Path("model.pt2")
Members = list[tuple[str, bytes]]


def zipped(members: Members, how: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive."""
    built = io.BytesIO()
    with zipfile.ZipFile(built, "w", how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return built.getvalue()


def test_members_are_read_by_their_names_beneath_the_folder() -> None:
    archive = open_archive(PATH, zipped([("m/a", b"1"), ("m/b/c", b"22")]))
    assert archive.root == "m"
    assert {name: archive.read(name) for name in archive.members} == {
        "a": b"1",
        "b/c": b"22",
    }


def test_an_archive_that_was_built_anew_has_the_same_members() -> None:
    built = build_archive("m", [("a", b"1"), ("b/c", b"22")])
    archive = open_archive(PATH, built.read())
    assert sorted(archive.members) == ["a", "b/c"]
    assert archive.read("b/c") == b"22"


def test_deflated_members_are_read() -> None:
    text = b"def forward(self): ..." * 10
    archive = open_archive(PATH, zipped([("m/a", text)], zipfile.ZIP_DEFLATED))
    assert archive.read("a") == text


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = zipped([("m/a", b"\0" * (64 << 20))], zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match=r"model\.pt2 would grow from \d+ to 67108864"):
        open_archive(PATH, bomb)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ModelError, match="'m/a' is there twice"):
        open_archive(PATH, zipped([("m/a", b"1"), ("m/a", b"2")]))


@pytest.mark.parametrize("name", ["../a", "m/../../a", "/etc/a", "m\\..\\a"])
def test_a_path_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="leads out of the archive"):
        open_archive(PATH, zipped([(name, b"1")]))


def changed(data: bytes, local: int, central: int, value: bytes) -> bytes:
    """Change a field in both headers of an archive's one member."""
    made = bytearray(data)
    at = data.index(b"PK\x01\x02") + central
    made[local : local + len(value)] = value
    made[at : at + len(value)] = value
    return bytes(made)


@pytest.mark.parametrize(
    ("local", "central", "value", "why"),
    [
        (6, 8, b"\x01\x00", "is encrypted"),
        (8, 10, b"\x0c\x00", "is compressed by method 12"),
        (22, 24, b"\xff\x00\x00\x00", "declares 255 bytes and holds 4"),
    ],
)
def test_an_odd_member_is_refused(local: int, central: int, value: bytes, why: str) -> None:
    data = changed(zipped([("m/a", b"1234")]), local, central, value)
    with pytest.raises(ModelError, match=f"member 'm/a' {why}"):
        open_archive(PATH, data)


def test_a_damaged_member_is_refused_when_it_is_read() -> None:
    data = zipped([("m/a", b"the weights")]).replace(b"the weights", b"the waights")
    archive = open_archive(PATH, data)
    with pytest.raises(ModelError, match="member 'a' is damaged"):
        archive.read("a")


@pytest.mark.parametrize("data", [b"PK", b"not a zip", zipped([("m/a", b"1")])[:-30]])
def test_what_is_no_whole_archive_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"model\.pt2 is not a whole zip archive"):
        open_archive(PATH, data)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "is not a file"), (b"", "is empty"), (b"12345", "has 5 bytes; at most 4")],
)
def test_a_file_is_read_once_and_within_a_limit(
    content: bytes | None, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.pt2"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"model\.pt2 {why}"):
        read_once(path, 4)
