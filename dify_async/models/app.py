"""Descriptions of an app and of a server."""

from __future__ import annotations

import attrs

from dify_async._types import Json
from dify_async.models._base import OpenEnum, Received

__all__ = ["AppInfo", "AppMeta", "AppMode", "ServerInfo"]


class AppMode(OpenEnum):
    """The kind of an app."""

    COMPLETION = "completion"
    """A text generator: one message without a conversation."""
    WORKFLOW = "workflow"
    """A workflow."""
    CHAT = "chat"
    """A chatbot."""
    ADVANCED_CHAT = "advanced-chat"
    """A chatflow."""
    AGENT_CHAT = "agent-chat"
    """An agent: a chatbot that calls tools."""
    AGENT = "agent"
    """A new agent app: it must be published, and it only streams."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AppInfo(Received):
    """`GET /info`: the app that the API key belongs to."""

    name: str = ""
    """The app's name."""
    description: str | None = None
    """The app's description."""
    tags: list[str] = attrs.Factory(list[str])
    """Names of the app's tags."""
    mode: AppMode | None = None
    """The kind of app. None on servers that do not send it."""
    author_name: str | None = None
    """Name of the app's author."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AppMeta(Received):
    """`GET /meta`: the icons of the app's tools."""

    tool_icons: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Icons by tool name: a URL, or an emoji as `{background, content}`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ServerInfo(Received):
    """`GET /v1/`: the server's version; needs no API key."""

    welcome: str = ""
    """The server's greeting."""
    api_version: str = ""
    """Version of the API, such as `v1`."""
    server_version: str = ""
    """Version of the server, such as `1.14.2`."""
