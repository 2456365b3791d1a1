"""The command `info`."""

from __future__ import annotations

from dify_async.cli.options import AsJson, with_client
from dify_async.cli.output import print_facts, print_json
from dify_async.cli.settings import Settings, app_command
from dify_async.clients.app import AppClient


@app_command
def info(settings: Settings, as_json: AsJson = False) -> None:
    """Show the app that the API key belongs to, and the server it runs on."""

    async def work(client: AppClient) -> None:
        app = await client.app.info()
        if as_json:
            print_json(app.raw)
            return
        print_facts(
            [
                ("name", app.name),
                ("mode", str(app.mode) if app.mode is not None else None),
                ("description", app.description or None),
                ("tags", ", ".join(map(str, app.tags)) or None),
                ("author", app.author_name),
                ("server", client.base_url),
                ("version", client.server_version),
            ]
        )

    with_client(settings, work)
