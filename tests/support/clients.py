"""Clients of the servers that tests start."""

from __future__ import annotations

import inspect
from typing import Any, Final

from dify_async import AppClient, KnowledgeClient, Retry, WebAppClient
from dify_async.testing import FakeDify

KEY: Final = "app-SECRETsecret123"
"""An API key that is easy to find where it must not be."""

NO_RETRY: Final = Retry(attempts=1)


def resource_classes(client: type) -> dict[str, type]:
    """Return the classes of the resources of a client's class, by name."""
    classes = inspect.getmembers(client, inspect.isclass)
    return {name: kind for name, kind in classes if not name.startswith("_")}


def app_client(server: FakeDify | str, **settings: Any) -> AppClient:
    """Return a client of a fake server, or of the server at a base URL, for the end user `ada`."""
    if isinstance(server, FakeDify):
        settings = {"api_key": server.api_key, "base_url": server.base_url, **settings}
    else:
        settings = {"api_key": KEY, "base_url": server, **settings}
    return AppClient(**{"user": "ada", **settings})


def web_client(server: FakeDify | str, **settings: Any) -> WebAppClient:
    """Return a client of the Web API of a fake server."""
    if isinstance(server, FakeDify):
        settings = {"app_code": server.app_code, "base_url": server.web_url, **settings}
    else:
        settings = {"app_code": "kJ2hQ9xTz4Lm7PwR", "base_url": server, **settings}
    return WebAppClient(**{"user": "ada", **settings})


def knowledge_client(server: str, **settings: Any) -> KnowledgeClient:
    """Return a client of the knowledge bases of the server at a base URL."""
    return KnowledgeClient(**{"api_key": "dataset-SECRETsecret123", "base_url": server, **settings})
