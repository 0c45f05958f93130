"""Words about files, made fit for clients that may not know where those lie.

Examples
--------
>>> hide_paths("no folder in /srv/models/x; see /srv/models", ["/srv/models"])
'no folder in x; see the repository'
"""

from __future__ import annotations

from collections.abc import Sequence


def hide_paths(text: str, roots: Sequence[str]) -> str:
    """Return text that names the files of folders without saying where those lie."""
    for root in roots:
        text = text.replace(f"{root}/", "").replace(root, "the repository")
    return text
