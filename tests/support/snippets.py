"""Code blocks of Markdown pages, and how to run them as a reader would: one after another, in one namespace."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

FENCE = re.compile(
    r"^(?:<!-- app: (?P<app>[\w-]+) -->\n+)?"
    r"^(?P<indent> *)```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)


@attrs.frozen
class Snippet:
    """A Python block of a page."""

    code: str
    line: int
    """Line of the page where the code starts, counted from 1."""
    app: str | None
    """Name of the app that the fake server has to serve, from a comment `<!-- app: NAME -->` above the block."""
    output: str | None
    """What the block prints, from a `text` block directly below it; None if the page does not show it."""


def snippets(page: Path) -> Iterator[Snippet]:
    """Yield the Python blocks of a page."""
    text = page.read_text()
    blocks = list(FENCE.finditer(text))
    for block, follower in itertools.zip_longest(blocks, blocks[1:]):
        if block["language"] != "python":
            continue
        is_output = (
            follower is not None
            and follower["language"] == "text"
            and not text[block.end() : follower.start()].strip()
        )
        yield Snippet(
            code=_dedented(block),
            line=text.count("\n", 0, block.start("code")) + 1,
            app=block["app"],
            output=_dedented(follower) if is_output else None,
        )


def _dedented(block: re.Match[str]) -> str:
    return re.sub(rf"^{block['indent']}", "", block["code"], flags=re.MULTILINE)


def run(snippet: Snippet, page: Path, names: dict[str, Any], runner: asyncio.Runner) -> str:
    """Run a block, which may use `await` at its top level. Return what it printed."""
    # Blank lines in front, so that a traceback shows the line of the page.
    source = "\n" * (snippet.line - 1) + snippet.code
    code = compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        if code.co_flags & inspect.CO_COROUTINE:
            runner.run(eval(code, names))
        else:
            exec(code, names)
    return printed.getvalue()
