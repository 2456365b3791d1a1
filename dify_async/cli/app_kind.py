"""The kind of an app, which decides which methods run it."""

from __future__ import annotations

from enum import Enum
from typing import Final

from dify_async.clients.app import AppClient
from dify_async.errors import DecodeError, NotFound


class AppKind(Enum):
    """Apps that are run in the same way."""

    WORKFLOW = "workflow"
    CHAT = "chat"
    """Chats, agents and chatflows."""
    COMPLETION = "completion"


_KINDS: Final = {
    "chat": AppKind.CHAT,
    "agent-chat": AppKind.CHAT,
    "advanced-chat": AppKind.CHAT,
    "completion": AppKind.COMPLETION,
}


async def kind_of(client: AppClient) -> AppKind:
    """Return the kind of the app that the API key belongs to; a workflow if the server does not send it."""
    try:
        info = await client.app.info()
    except (NotFound, DecodeError):  # Servers of early 2024 do not have the endpoint.
        return AppKind.WORKFLOW
    return _KINDS.get(str(info.mode), AppKind.WORKFLOW)
