"""The command `info`."""

from __future__ import annotations

from dify_async.cli.options import DEFAULT_USER, ApiKey, AsJson, BaseUrl, with_client
from dify_async.cli.output import print_facts, print_json
from dify_async.clients.app import AppClient


def info(as_json: AsJson = False, api_key: ApiKey = None, base_url: BaseUrl = None) -> None:
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

    with_client(api_key, base_url, DEFAULT_USER, work)
