"""Certificates: what is read, when it is replaced, and what the log says."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime import config
from runtime.errors import ConfigError
from runtime.native.transport import Tls
from runtime.server.certificates import Certificates, Files, files_of, read
from tests.integration.authority import Authority

DAY = 86_400


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def files(authority: Authority) -> Files:
    pair = authority.sign(days=90)
    return Files(pair.certificate_path, pair.key_path, None)


def now() -> float:
    return datetime.now(UTC).timestamp()


def test_without_a_certificate_there_is_no_tls() -> None:
    assert files_of(config.Tls()) is None
    paths = config.Tls(Path("a"), Path("b"), Path("c"))
    assert files_of(paths) == Files(Path("a"), Path("b"), Path("c"))
    assert files_of(config.Tls(Path("c"), Path("k"))) == Files(Path("c"), Path("k"))


@pytest.mark.parametrize(
    ("half", "words"),
    [
        (config.Tls(Path("c")), "--tls-certificate and --tls-key go together"),
        (config.Tls(key=Path("k")), "--tls-certificate and --tls-key go together"),
        (config.Tls(client_ca=Path("a")), "needs --tls-certificate and --tls-key"),
    ],
)
def test_half_of_a_certificate_is_refused(half: config.Tls, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        files_of(half)


def test_the_end_of_the_certificate_is_known(files: Files) -> None:
    certificates = Certificates(files)
    assert abs(certificates.not_after - now() - 90 * DAY) < 60


def test_a_missing_file_is_named(files: Files) -> None:
    files.key.unlink()
    with pytest.raises(ConfigError, match=r"cannot read .*localhost\.key: No such file"):
        Certificates(files)


@pytest.mark.parametrize(
    ("part", "content", "words"),
    [
        ("certificate", b"", "the TLS certificate cannot be used"),
        ("key", b"nothing", "the TLS key cannot be read"),
        ("client_ca", b"", "the authorities of TLS clients hold no certificate"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    files: Files, authority: Authority, part: str, content: bytes, words: str
) -> None:
    files = replace(files, client_ca=authority.path)
    getattr(files, part).write_bytes(content)
    with pytest.raises(ConfigError, match=f"{words}.*{getattr(files, part)}"):
        read(files)


def test_a_key_is_not_shown(files: Files) -> None:
    assert "PRIVATE" not in repr(files.read())
    assert b"PRIVATE" in files.read().key


def test_unchanged_files_are_left_alone(files: Files) -> None:
    used: list[Tls] = []
    certificates = Certificates(files)
    assert not certificates.look(used.append)
    assert used == []


def test_changed_files_are_used_and_logged_once(
    files: Files, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    used: list[Tls] = []
    certificates = Certificates(files)
    authority.sign(days=300)
    with caplog.at_level(logging.INFO):
        assert certificates.look(used.append)
        assert not certificates.look(used.append)
    assert [tls.not_after for tls in used] == [certificates.not_after]
    assert certificates.not_after > now() + 299 * DAY
    assert len(caplog.records) == 1
    assert "new connections use the certificate that ends on" in caplog.text


def test_half_a_change_leaves_the_old_ones_until_the_other_half_comes(
    files: Files, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    used: list[Tls] = []
    certificates = Certificates(files)
    before = certificates.current
    key = files.key.read_bytes()
    authority.sign(days=300)
    new_key = files.key.read_bytes()
    files.key.write_bytes(key)
    assert not certificates.look(used.append)
    assert not certificates.look(used.append)
    assert certificates.current is before
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "were not replaced: the TLS key does not fit the certificate" in caplog.text
    files.key.write_bytes(new_key)
    assert certificates.look(used.append)
    assert len(used) == 1


def test_a_file_that_goes_away_changes_nothing(files: Files) -> None:
    used: list[Tls] = []
    certificates = Certificates(files)
    files.certificate.unlink()
    assert not certificates.look(used.append)
    assert used == []


def test_a_reload_reads_the_files_whatever_they_look_like(files: Files) -> None:
    used: list[Tls] = []
    assert Certificates(files).reload(used.append)
    assert len(used) == 1


def test_a_link_that_points_elsewhere_is_a_change(
    files: Files, tmp_path: Path, authority: Authority
) -> None:
    other = authority.sign(days=30, file="other")
    link, key_link = tmp_path / "link.crt", tmp_path / "link.key"
    link.symlink_to(files.certificate)
    key_link.symlink_to(files.key)
    certificates = Certificates(Files(link, key_link, None))
    for path, target in ((link, other.certificate_path), (key_link, other.key_path)):
        path.unlink()
        path.symlink_to(target)
    used: list[Tls] = []
    assert certificates.look(used.append)
    assert used[0].not_after < now() + 31 * DAY


def test_a_certificate_near_its_end_is_warned_of_once_a_day(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    pair = authority.sign(days=10)
    time = now()
    files = Files(pair.certificate_path, pair.key_path, None)
    certificates = Certificates(files, lambda: time)
    for _ in range(5):
        certificates.look(lambda _: None)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "renew it" in caplog.text
    time += DAY + 1
    certificates.look(lambda _: None)
    assert len(caplog.records) == 2
    time += 10 * DAY
    certificates.look(lambda _: None)
    assert "has ended" in caplog.records[-1].message


def test_a_certificate_with_time_left_is_not_warned_of(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    pair = authority.sign(days=15)
    Certificates(Files(pair.certificate_path, pair.key_path, None)).warn()
    assert caplog.records == []


def test_following_sees_a_change(files: Files, authority: Authority) -> None:
    async def follow() -> list[Tls]:
        used: list[Tls] = []
        seen = asyncio.Event()
        loop = asyncio.get_running_loop()
        certificates = Certificates(files)

        def use(tls: Tls) -> None:
            used.append(tls)
            loop.call_soon_threadsafe(seen.set)

        task = asyncio.create_task(certificates.follow(use, 0.01))
        authority.sign(days=300)
        await asyncio.wait_for(seen.wait(), 60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return used

    used = asyncio.run(follow())
    assert used[-1].not_after > now() + 299 * DAY
