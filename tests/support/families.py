"""The same run in both client families: as events, as text, or as its result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from dify_async import AppClient, WebAppClient, sync

PASSPORT: Final = "passport-of-ada"

App = tuple[str, str]
"""`app` or `web`, and `workflow` or `chatflow`."""

APPS: Final[list[App]] = [
    ("app", "workflow"),
    ("app", "chatflow"),
    ("web", "workflow"),
    ("web", "chatflow"),
]


def settings_for(api: str, base_url: str, **settings: Any) -> dict[str, Any]:
    """Return the arguments of a client."""
    if api == "web":
        return {"app_code": "kJ2hQ9xTz4Lm7PwR", "passport": PASSPORT, "base_url": base_url, **settings}
    return {"api_key": "app-KEY12345678", "user": "ada", "base_url": base_url, **settings}


def stream_of(client: Any, kind: str, **options: Any) -> Any:
    """Return the stream of a new run."""
    if kind == "workflow":
        return client.workflows.stream({}, **options)
    return client.chat.stream("hi", **options)


def read_async(app: App, base_url: str, how: str = "result", **settings: Any) -> Any:
    """Start a run with the async client and read it as `events`, `text` or `result`."""

    async def main() -> Any:
        api, kind = app
        make: Callable[..., Any] = AppClient if api == "app" else WebAppClient
        async with (
            make(**settings_for(api, base_url, **settings)) as client,
            stream_of(client, kind) as run,
        ):
            if how == "events":
                return [event.event async for event in run], await run.result()
            if how == "text":
                return "".join([text async for text in run.text]), await run.result()
            return None, await run.result()

    return asyncio.run(main())


def read_blocking(app: App, base_url: str, how: str = "result", **settings: Any) -> Any:
    """Do the same with the blocking client."""
    api, kind = app
    make: Callable[..., Any] = sync.AppClient if api == "app" else sync.WebAppClient
    with make(**settings_for(api, base_url, **settings)) as client, stream_of(client, kind) as run:
        if how == "events":
            return [event.event for event in run], run.result()
        if how == "text":
            return "".join(run.text), run.result()
        return None, run.result()


FAMILIES: Final[dict[str, Callable[..., Any]]] = {"async": read_async, "blocking": read_blocking}
