"""The command `parameters`."""

from __future__ import annotations

from typing import Final

from dify_async.cli.options import AsJson, with_client
from dify_async.cli.output import print_json, print_rows
from dify_async.cli.settings import Settings, app_command
from dify_async.clients.app import AppClient
from dify_async.models.inputs import InputField

_HEADINGS: Final = ("name", "kind", "", "limits", "label")


@app_command
def parameters(settings: Settings, as_json: AsJson = False) -> None:
    """Show the app's input form: the inputs that a run takes, and their limits."""

    async def work(client: AppClient) -> None:
        found = await client.app.parameters()
        if as_json:
            print_json(found.raw)
        else:
            print_rows(_HEADINGS, [_row(field) for field in found.user_input_form])

    with_client(settings, work)


def _row(field: InputField) -> tuple[str, ...]:
    return (
        field.variable,
        str(field.kind),
        "required" if field.required else "",
        _limits(field),
        str(field.label),
    )


def _limits(field: InputField) -> str:
    what = "files" if field.kind == "file-list" else "characters"
    parts = [
        f"one of {', '.join(map(str, field.options))}" if field.options else "",
        f"at most {field.max_length} {what}" if field.max_length else "",
        f"of {', '.join(map(str, field.allowed_file_types))}" if field.allowed_file_types else "",
        f"default {field.default!r}" if field.default not in (None, "") else "",
    ]
    return "; ".join(part for part in parts if part)
