"""Tables for notebooks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape

from dify_async._text import shortened
from dify_async._types import Json

_LONGEST_CELL = 1000
"""Characters."""


def table(title: str, rows: Iterable[tuple[str, Json]]) -> str:
    """Return an HTML table of names and values; None and what is empty is left out."""
    lines = [
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left;white-space:pre-wrap'>{escape(_cell(value))}</td></tr>"
        for name, value in rows
        if value is not None and value not in ("", [], {})
    ]
    return f"<table><caption>{escape(title)}</caption>{''.join(lines)}</table>"


def _cell(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shortened(text, _LONGEST_CELL).encode("utf-8", "backslashreplace").decode()
