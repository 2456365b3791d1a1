"""Views of subclasses have the same class, and keep its attributes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from dify_async import AppClient, WebAppClient, sync

SETTINGS: dict[str, Any] = {"user": "ada", "base_url": "http://x"}


class Ours(AppClient):
    def __init__(self, team: str) -> None:
        super().__init__("app-x", **SETTINGS)
        self.team = team


class OurBlocking(sync.AppClient):
    def __init__(self, team: str) -> None:
        super().__init__("app-x", **SETTINGS)
        self.team = team


class OurWeb(WebAppClient):
    def __init__(self, team: str) -> None:
        super().__init__("code", **SETTINGS)
        self.team = team


class OurBlockingWeb(sync.WebAppClient):
    def __init__(self, team: str) -> None:
        super().__init__("code", **SETTINGS)
        self.team = team


@pytest.mark.parametrize("kind", [Ours, OurBlocking, OurWeb, OurBlockingWeb])
def test_a_view_of_a_subclass(kind: Any) -> None:
    client = kind("red")
    views = [client.for_user("bob"), client.with_options(retry=0), copy.copy(client)]
    if isinstance(client, (AppClient, sync.AppClient)):
        views.append(client.for_key("app-y"))
    views.append(pickle.loads(pickle.dumps(client)))
    for view in views:
        assert type(view) is kind
        assert view.team == "red"
        assert view.app is not client.app
    assert views[0].user == "bob"
    assert client.user == "ada"
