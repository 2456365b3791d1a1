"""Local variables in the frames of this package contain no secrets, for tools that show them in tracebacks."""

from __future__ import annotations

import asyncio
import base64
import traceback
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest

import dify_async
from dify_async import AppClient, WebAppClient, errors, probe, sync
from dify_async._http.redaction import Redactor
from tests.support.families import settings_for
from tests.support.raw_server import Call, RawServer, answer

SECRET = "S3cret/pass+word=x"
KEY = "app-S3cretS3cret"
HIDDEN = [
    "S3cret",
    base64.b64encode(SECRET.encode()).decode(),
    base64.b64encode(f"u:{SECRET}".encode()).decode(),
]
OURS = dify_async.__path__[0]
EXTRA = {"X-B": SECRET}


def shown(error: BaseException) -> list[str]:
    """Return the places that show a secret: the error, its causes, and variables of our frames."""
    found: list[str] = []
    link: BaseException | None = error
    while link is not None:
        texts = {"str": str(link), "repr": repr(link)}
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if frame.f_code.co_filename.startswith(OURS):
                texts |= {
                    f"{frame.f_code.co_qualname}: {name}": repr(value)
                    for name, value in frame.f_locals.items()
                }
        found += [place for place, text in texts.items() if any(secret in text for secret in HIDDEN)]
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return found


async def shown_by(call: Awaitable[Any]) -> list[str]:
    """Return the places of the error of a call that show a secret; a few calls cannot fail to decode."""
    try:
        await call
    except errors.DifyError as error:
        return shown(error)
    return []


async def echo(call: Call) -> None:
    message = f"you sent {call.head!r} {call.body!r}"
    await call.send(answer({"code": "invalid_param", "message": message}, "400 Bad", "Connection: close\r\n"))


async def misfit(call: Call) -> None:
    body = f"you sent {call.head!r} {call.body!r}".encode()
    await call.send(answer(body, headers="Content-Type: text/plain\r\nConnection: close\r\n"))


async def hang_up(_: Call) -> None: ...


CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "info": lambda client: client.app.info(extra_headers=EXTRA),
    "run": lambda client: client.workflows.run({}, extra_headers=EXTRA),
    "blocking run": lambda client: client.workflows.run({}, response_mode="blocking", extra_headers=EXTRA),
    "chat": lambda client: client.chat.send("x", extra_headers=EXTRA),
    "completion": lambda client: client.completions.create({}, extra_headers=EXTRA),
    "upload": lambda client: client.files.upload(b"x", name="x", extra_headers=EXTRA),
    "request": lambda client: client.request("POST", "/x", json={"a": 1}, extra_headers=EXTRA),
    "form": lambda client: client.forms.submit(SECRET, {}, "a", extra_headers=EXTRA),
    "get form": lambda client: client.forms.get(SECRET, extra_headers=EXTRA),
    "no JSON": lambda client: client.workflows.run({"a": object()}, extra_headers=EXTRA),
    "wrong header": lambda client: client.app.info(extra_headers={"X": f"{SECRET}\n"}),
}
WEB_CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "login": lambda client: client.auth.login("a@b.c", SECRET),
    "wrong password": lambda client: client.auth.login("a@b.c", f"\ud800{SECRET}"),
    "login by code": lambda client: client.auth.login_with_code("a@b.c", SECRET, SECRET),
    "check": lambda client: client.auth.check_password_reset("a@b.c", SECRET, SECRET),
    "reset": lambda client: client.auth.reset_password(SECRET, SECRET),
    "meta": lambda client: client.app.meta(extra_headers=EXTRA),
    "passport": lambda client: client.auth.passport(),
    "run": lambda client: client.workflows.run({}, extra_headers=EXTRA),
    "conversation": lambda client: client.chat.conversation().send("x", extra_headers=EXTRA),
    "form": lambda client: client.forms.submit(SECRET, {}, "a"),
    "upload token": lambda client: client.forms.upload_token(SECRET),
}


@pytest.mark.parametrize("handler", [echo, misfit, hang_up])
async def test_local_variables_of_calls_hold_no_secrets(handler: Any) -> None:
    with RawServer(handler) as server:
        settings = settings_for("app", server.base_url, api_key=KEY, headers={"X-A": SECRET}, retry=0)
        async with AppClient(**settings) as client:
            for name, call in CALLS.items():
                assert await shown_by(call(client)) == [], name
        settings = settings_for("web", server.base_url, passport="S3cret.passport", retry=0)
        async with WebAppClient(**settings) as web:
            for name, call in WEB_CALLS.items():
                assert await shown_by(call(web)) == [], name


@pytest.mark.parametrize("handler", [echo, misfit, hang_up])
async def test_local_variables_of_batches_hold_no_secrets(handler: Any) -> None:
    with RawServer(handler) as server:
        settings = settings_for("app", server.base_url, api_key=KEY, headers={"X-A": SECRET}, retry=0)
        async with AppClient(**settings) as client:
            for batch in (
                client.workflows.run_many([{}], check_inputs=False, extra_headers=EXTRA),
                client.completions.create_many([{}], check_inputs=False, extra_headers=EXTRA),
                client.chat.send_many(["x"], extra_headers=EXTRA),
            ):
                async with batch:
                    (outcome,) = await batch.all()
                assert outcome.error is not None
                assert shown(outcome.error) == []


@pytest.mark.parametrize("handler", [echo, misfit, hang_up])
def test_local_variables_of_blocking_calls_hold_no_secrets(handler: Any) -> None:
    with RawServer(handler) as server:
        settings = settings_for("app", server.base_url, api_key=KEY, headers={"X-A": SECRET}, retry=0)
        with sync.AppClient(**settings) as client:
            for name, call in CALLS.items():
                found: list[str] = []
                try:
                    call(client)
                except errors.DifyError as error:
                    found = shown(error)
                assert found == [], name


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("handler", [echo, hang_up])
async def test_local_variables_of_calls_through_a_proxy_hold_no_secrets(handler: Any, scheme: str) -> None:
    with RawServer(handler) as server:
        proxy = f"http://u:{quote(SECRET, safe='')}@127.0.0.1:{server.port}"
        async with AppClient(KEY, user="u", base_url=f"{scheme}://dify.test", proxy=proxy, retry=0) as client:
            for call in (client.app.info, lambda: client.workflows.run({})):
                with pytest.raises(errors.DifyError) as caught:
                    await call()
                assert shown(caught.value) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "ftp://x"},
        {"base_url": f"http://u:{SECRET}@x"},
        {"api_key": f"{KEY} x"},
        {"user": ""},
        {"headers": {"X": f"{SECRET}\n"}},
        {"proxy": f"ftp://u:{SECRET}@x"},
        {"timeouts": "x"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
@pytest.mark.parametrize("kind", [AppClient, sync.AppClient])
def test_local_variables_of_rejected_settings_hold_no_secrets(kind: Any, wrong: dict[str, Any]) -> None:
    settings = {
        "headers": {"X-A": SECRET},
        "proxy": "http://u:S3cretS3cret@x:1",
        "base_url": "http://x",
        **wrong,
    }
    key = settings.pop("api_key", KEY)
    with pytest.raises(errors.ConfigurationError) as caught:
        kind(key, **settings)
    assert shown(caught.value) == []


@pytest.mark.parametrize("name", ["passport", "login_token"])
@pytest.mark.parametrize("kind", [WebAppClient, sync.WebAppClient])
def test_local_variables_of_rejected_tokens_hold_no_secrets(kind: Any, name: str) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        kind("code", base_url="http://x", **{name: f"{SECRET} x"})
    assert shown(caught.value) == []


def test_local_variables_of_rejected_views_hold_no_secrets() -> None:
    client = AppClient(KEY, base_url="http://x")
    for view in (
        lambda: client.for_key(f"{KEY} y"),
        lambda: client.with_options(headers={"X": f"{SECRET}\n"}),
        lambda: asyncio.run(probe(f"http://u:{SECRET}@x")),
    ):
        with pytest.raises(errors.ConfigurationError) as caught:
            view()
        assert shown(caught.value) == []


@pytest.mark.parametrize(
    "text",
    [
        "S3cret/pass+word=x",
        "S3cret/pass%2Bword%3Dx",
        "S3cret%2Fpass%2Bword%3Dx",
        "S3cret%2fpass%2bword%3dx",
        "S3cret\\/pass+word=x",
    ],
)
def test_all_spellings_of_a_secret_are_masked(text: str) -> None:
    redactor = Redactor([SECRET])
    assert redactor.text(f"you sent {text}.") == "you sent ***."
    assert redactor.data(f"you sent {text}.".encode()) == b"you sent ***."
