"""Writes the table of docs/server-options.md.

    python -m tools.option_docs           rewrites it
    python -m tools.option_docs --check   exits 1 when the page has another table

The table stands between ``<!-- server-options -->`` and ``<!-- end -->``; its source is the
table of options that the command line, the environment and the file are read by.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from runtime.options.option import Kind, Option
from runtime.options.table import OPTIONS, PATH

PAGE = Path(__file__).resolve().parent.parent / "docs" / "server-options.md"
MARKED = re.compile(r"(<!-- server-options -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = "| flag | variable | key in the file | type | default | | reload |"


def default_of(option: Option) -> str:
    """Return an option's default as a person writes it in the file; empty for none."""
    default = option.default
    return "" if default in (None, "", ()) else f"`{json.dumps(default)}`".replace('"', "")


def row_of(option: Option) -> str:
    """Return an option's row."""
    flag = "PATH" if option is PATH else option.flag
    if option.kind is Kind.SWITCH:
        flag = f"{flag}, --no-{flag[2:]}"
    cells = (
        f"`{flag}`",
        f"`{option.variable}`",
        f"`{option.key}`",
        option.kind.value,
        default_of(option),
        option.meaning.replace("|", r"\|"),
        "yes" if option.reloads else "",
    )
    return f"| {' | '.join(cells)} |"


def rendered(text: str) -> str:
    """Return the page with its table as the code has it."""
    table = "\n".join([HEAD, "|---" * 7 + "|", *map(row_of, OPTIONS)])
    return MARKED.sub(lambda m: f"{m[1]}{table}\n{m[2]}", text)


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    text = PAGE.read_text("utf-8")
    if parser.parse_args().check:
        if rendered(text) != text:
            print(f"docs: {PAGE.name}: run `python -m tools.option_docs`")
        return int(rendered(text) != text)
    PAGE.write_text(rendered(text), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
