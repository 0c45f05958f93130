"""Words for clients name no place on this machine."""

from __future__ import annotations

from runtime.access.words import hide_paths


def test_a_place_is_hidden_wherever_it_stands() -> None:
    roots = ["/srv/models", "/mnt/m"]
    assert hide_paths("/srv/models/a/1 and /mnt/m/b; /srv/models", roots) == (
        "a/1 and b; the repository"
    )
    assert hide_paths("nothing of it", []) == "nothing of it"
