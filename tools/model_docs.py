"""Writes the tables of docs/ that say what may be written beside a model.

    python -m tools.model_docs           rewrites them
    python -m tools.model_docs --check   exits 1 when a page has another table

Each table stands between ``<!-- NAME -->`` and ``<!-- end -->``; its source is the code
that reads the files, so the pages cannot promise what is not there.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from runtime.models.leeboard_yaml import schema
from runtime.models.triton_options import TABLE

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = ("coming-from-triton.md", "leeboard-yaml.md")
MARKED = re.compile(r"(<!-- (triton-options|yaml-keys) -->\n).*?(<!-- end -->)", re.DOTALL)


def triton_options() -> str:
    """Return the table of config.pbtxt's options."""
    rows = [
        f"| `{option.path}` | {option.treatment.value} | {option.sentence} |"
        for option in TABLE
    ]
    return "\n".join(["| option | what becomes of it | |", "|---|---|---|", *rows])


def yaml_keys() -> str:
    """Return the table of leeboard.yaml's keys, one row for each path."""
    whole = schema()
    rows = [
        f"| `{path}` | {kind} | {default} | {text} |"
        for path, kind, default, text in key_rows("", whole, whole["$defs"])
    ]
    return "\n".join(["| key | type | default | |", "|---|---|---|---|", *rows])


def key_rows(
    prefix: str, model: dict[str, Any], known: dict[str, Any]
) -> Iterator[tuple[str, str, str, str]]:
    """Yield path, type, default and meaning of each key that is no mapping of keys."""
    for name, key in model["properties"].items():
        path, inner = f"{prefix}{name}", key
        entries = key.get("additionalProperties")
        if "$ref" in key.get("items", ()):
            path, inner = f"{path}[]", key["items"]
        elif isinstance(entries, dict) and "$ref" in entries:
            path, inner = f"{path}.NAME", entries
        if "$ref" in inner:
            yield from key_rows(f"{path}.", known[inner["$ref"].rpartition("/")[2]], known)
        else:
            default = "needed" if name in model.get("required", ()) else default_of(key)
            yield path, kind_of(key), default, key["description"]


def default_of(key: dict[str, Any]) -> str:
    """Return a key's default as a person writes it; empty for none."""
    value = key.get("default")
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, dict):
        return "`{" + ", ".join(f"{k}: {v}" for k, v in value.items()) + "}`"
    return f"`{json.dumps(value)}`".replace('"', "")


def kind_of(key: dict[str, Any]) -> str:
    """Return what a key's value is, in a few words."""
    choices = [c for c in key.get("anyOf", [key]) if c.get("type") != "null"]
    return " or ".join(word_for(choice) for choice in choices)


def word_for(choice: dict[str, Any]) -> str:
    """Return what one kind of value is called."""
    if "const" in choice:
        return f"`{choice['const']}`"
    if "enum" in choice:
        return " or ".join(f"`{value}`" for value in choice["enum"])
    if "oneOf" in choice:
        first = choice["oneOf"][0]
        return "duration" if "pattern" in first else "`all`, mapping or list"
    if choice.get("type") == "array":
        return f"list of {word_for(choice['items'])}s"
    words = {
        "integer": "integer",
        "string": "text",
        "boolean": "true or false",
        "number": "number",
    }
    return words.get(choice.get("type", ""), "mapping")


TABLES: dict[str, Callable[[], str]] = {
    "triton-options": triton_options,
    "yaml-keys": yaml_keys,
}


def rendered(text: str) -> str:
    """Return a page with its tables as the code has them."""
    return MARKED.sub(lambda m: f"{m[1]}{TABLES[m[2]]()}\n{m[3]}", text)


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    is_check = parser.parse_args().check
    stale = []
    for name in PAGES:
        path = DOCS / name
        text = path.read_text("utf-8")
        if rendered(text) != text:
            stale.append(name)
            if not is_check:
                path.write_text(rendered(text), "utf-8")
    if is_check and stale:
        print(f"docs: {', '.join(stale)}: run `python -m tools.model_docs`")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
