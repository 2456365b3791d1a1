"""What commands print: tables on a terminal, lines with tabs elsewhere, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TextIO

import attrs
import orjson
from rich.console import Console
from rich.table import Table

from dify_async._types import Json
from dify_async.models import AppParameters, InputField, WorkflowLog, WorkflowResult, WorkflowRun

_SHOWN: Final = 2000
"""Characters of one value that are shown."""


def print_json(value: Json) -> None:
    """Print a value as JSON for people and programs."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
    print(text)


def print_json_line(value: Json) -> None:
    """Print a value as JSON in one line, at once; a text is taken for JSON already."""
    print(value if isinstance(value, str) else orjson.dumps(value, default=str).decode(), flush=True)


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], *, file: TextIO | None = None) -> None:
    """Print a table; where it is no terminal only its rows, with tabs. Without a file, to standard output."""
    console = Console(file=file)
    if not console.is_terminal:
        for row in rows:
            print("\t".join(" ".join(cell.split()) for cell in row), file=file)
        return
    table = Table(*headings, box=None, header_style="dim", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table, markup=False)


def print_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Print names and values, one a line."""
    print_rows(("", ""), [(name, shown(value)) for name, value in facts if value is not None])


def shown(value: object) -> str:
    """Give a value as a line has it."""
    if isinstance(value, datetime):
        return value.astimezone().isoformat(sep=" ", timespec="seconds")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def result_as_json(result: WorkflowResult) -> dict[str, Json]:
    """Give a result as `--json` prints it."""
    return attrs.asdict(result, filter=_is_told)


def facts_of_run(run: WorkflowRun) -> list[tuple[str, object]]:
    """Give what the record of a run says."""
    inputs = [(f"inputs.{name}", value) for name, value in run.inputs.items() if not name.startswith("sys.")]
    outputs = [(f"outputs.{name}", value) for name, value in run.outputs.items()]
    return [
        ("run", run.id),
        ("status", str(run.status)),
        ("error", run.error or None),
        *inputs,
        *outputs,
        ("tokens", run.total_tokens),
        ("steps", run.total_steps),
        ("seconds", run.elapsed_time),
        ("started", run.created_at),
        ("finished", run.finished_at),
    ]


def row_of_log(entry: WorkflowLog) -> tuple[str, ...]:
    """Give what a list of runs shows of one."""
    run, end_user = entry.workflow_run, entry.created_by_end_user
    user = end_user.session_id if end_user is not None else None
    if run is None:
        return (shown(entry.created_at or ""), "", "", "", "", user or "")
    seconds = f"{run.elapsed_time or 0:.1f}"
    started = shown(entry.created_at or "")
    return (started, str(run.status), run.id, seconds, str(run.total_tokens or 0), user or "")


def rows_of_form(parameters: AppParameters) -> list[tuple[str, ...]]:
    """Give the fields of the app's form."""
    return [
        (field.variable, field.kind, "required" if field.required else "", _limits(field), field.label)
        for field in parameters.user_input_form
    ]


def _limits(field: InputField) -> str:
    what = "files" if field.kind == "file-list" else "characters"
    parts = [
        f"one of {', '.join(map(str, field.options))}" if field.options else "",
        f"at most {field.max_length} {what}" if field.max_length else "",
        f"of {', '.join(field.allowed_file_types)}" if field.allowed_file_types else "",
        f"default {field.default!r}" if field.default not in (None, "") else "",
    ]
    return "; ".join(part for part in parts if part)


def _is_told(attribute: attrs.Attribute[Any], _: object) -> bool:
    return attribute.name not in {"_payload", "handle"}
