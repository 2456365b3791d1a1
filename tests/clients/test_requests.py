"""`client.request` rejects invalid arguments before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dify_async import InputFile, errors
from dify_async.testing import FakeDify
from tests.support.clients import app_client, web_client


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"form": {"a": 1}}, "`form` must be a mapping"),
        ({"form": {1: "a"}}, "`form` must be a mapping"),
        ({"form": {"a": "\ud800"}}, "`form` must be a mapping"),
        ({"form": ["a"]}, "`form` must be a mapping"),
        ({"file": b"x"}, "`file` must be an InputFile"),
        ({"json": {"a": float("nan")}}, "nan"),
        ({"json": {"a": object}}, "must be a JSON value"),
        ({"params": {"a": "\ud800"}}, "params"),
        ({"params": ["a"]}, "params"),
        ({"params": "a"}, "params"),
    ],
    ids=range(10),
)
async def test_requests_that_cannot_be_sent_are_rejected(
    fake_dify: FakeDify, arguments: dict[str, Any], says: str
) -> None:
    async with app_client(fake_dify) as client:
        with pytest.raises(errors.ConfigurationError, match=says):
            await client.request("POST", "/x", **arguments)
    assert fake_dify.requests == []


@pytest.mark.parametrize(
    "files",
    ["a.txt", b"x", 5, {"type": "image"}, ["a.txt"], [b"x"], [5], [Path("a.txt")], [[InputFile("a.txt")]]],
    ids=repr,
)
@pytest.mark.parametrize("api", ["app", "web"])
async def test_values_that_are_not_files_are_rejected(fake_dify: FakeDify, api: str, files: Any) -> None:
    async with (app_client if api == "app" else web_client)(fake_dify) as client:
        for call in (
            lambda: client.workflows.run({}, files=files),
            lambda: client.workflows.submit({}, files=files),
            lambda: client.chat.send("hi", files=files),
            lambda: client.completions.create({}, files=files),
        ):
            with pytest.raises(errors.ConfigurationError, match=r"`files` must .*got"):
                await call()
    assert fake_dify.requests == []
