"""What this server is, as metrics."""

from __future__ import annotations

import platform

from runtime import __version__
from runtime.metrics.about import about_families
from runtime.native.served import library_versions


def test_a_build_has_its_versions_as_labels() -> None:
    info, since = about_families(17.12345, {"nghttp2": "1.2.3"})
    python = platform.python_version()
    expected = f'{{version="{__version__}",python="{python}",nghttp2="1.2.3"}}'
    assert [(s.labels, s.value) for s in info.samples] == [(expected, 1)]
    assert [s.value for s in since.samples] == [17.123]


def test_the_data_plane_names_its_libraries() -> None:
    versions = library_versions()
    assert sorted(versions) == ["nghttp2", "openssl"]
    assert all(version.count(".") == 2 for version in versions.values())
