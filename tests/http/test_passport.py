"""Passports of the Web API: fetched on demand, shared, stored, and renewed once."""

from __future__ import annotations

import asyncio
import base64
import functools
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import attrs
import pytest
from aiohttp import web

from dify_async import InputFile, Retry, WebAppClient, errors
from dify_async.operations import web as web_operations
from dify_async.testing import FakeDify, Refuse
from tests.support.clients import NO_RETRY, web_client
from tests.support.limits import HANGS_AFTER
from tests.support.servers import serve

CODE = "kJ2hQ9xTz4Lm7PwR"
ENDED = b'data: {"event": "workflow_finished", "workflow_run_id": "r", "data": {"id": "r", "status": "succeeded"}}\n\n'


@attrs.define
class PassportServer:
    """A server that issues passports and requires them."""

    base_url: str = ""
    given: list[str] = attrs.Factory(list[str])
    """Every passport that was fetched, with the user that it is for."""
    good: set[str] = attrs.Factory(set[str])
    rejection: tuple[str, str] | None = None
    """Code and message of the response to a wrong passport, and to a request for a passport without a login."""
    runs: int = 0
    always_the_same: bool = False
    """True if all passports of an end user are equal, as those of a public app."""
    token: Any = None
    """What is sent instead of a passport or a login token."""
    open: asyncio.Event = attrs.Factory(asyncio.Event)
    """Until it is set, requests for a passport wait."""
    asked: list[web.BaseRequest] = attrs.Factory(list[web.BaseRequest])

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        self.asked.append(request)
        if request.path == "/api/passport":
            await self.open.wait()
            return self._passport(request)
        if request.path == "/api/login":
            token = "login-token" if self.token is None else self.token
            return web.json_response({"result": "success", "data": {"access_token": token}})
        if request.path in {"/api/logout", "/api/system-features"}:
            return web.json_response({"result": "success"})
        if request.headers.get("X-App-Passport") not in self.good:
            code = self.rejection or ("unauthorized", "App token is invalid.")
            return _rejected(*code)
        if request.path == "/api/workflows/run":
            self.runs += 1
            return web.Response(body=ENDED, content_type="text/event-stream")
        return web.json_response({"opening_statement": "hi"})

    def _passport(self, request: web.BaseRequest) -> web.Response:
        if self.token is not None:
            return web.json_response({"access_token": self.token})
        if self.rejection is not None and request.headers.get("Authorization") != "Bearer login-token":
            return _rejected(*self.rejection)
        number = 1 if self.always_the_same else len(self.given) + 1
        passport = f"passport-{number}-{request.query.get('user_id', 'nobody')}"
        self.given.append(passport)
        self.good.add(passport)
        return web.json_response({"access_token": passport})


def _rejected(code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message, "status": 401}, status=401)


@pytest.fixture
async def server() -> AsyncIterator[PassportServer]:
    server = PassportServer()
    server.open.set()
    async with serve(server.answer) as server.base_url:
        yield server


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANGS_AFTER):
        while not happened():
            await asyncio.sleep(0.001)


client_of = functools.partial(web_client, app_code=CODE, retry=NO_RETRY)


async def test_concurrent_calls_fetch_one_passport(server: PassportServer) -> None:
    async with client_of(server.base_url) as client:
        assert client.passport is None
        await asyncio.gather(*(client.app.parameters() for _ in range(20)), client.workflows.run({}))
        assert client.passport == "passport-1-ada"
    assert server.given == ["passport-1-ada"]
    first = server.asked[0]
    assert (first.path_qs, first.headers["X-App-Code"]) == ("/api/passport?user_id=ada", CODE)
    assert "Authorization" not in first.headers
    assert "X-App-Passport" not in first.headers


async def test_a_passport_can_be_saved_and_passed_in_again(server: PassportServer) -> None:
    async with client_of(server.base_url, user=None) as client:
        await client.app.parameters()
        kept = client.passport
    assert kept == "passport-1-nobody"
    assert type(kept) is str, "for callers that store it"
    async with (
        client_of(server.base_url, passport=kept) as again,
        pickle.loads(pickle.dumps(again)) as unpickled,
    ):
        await again.app.parameters()
        await unpickled.app.parameters()
    assert server.given == ["passport-1-nobody"]


async def test_a_hundred_calls_renew_a_passport_once_even_if_its_text_is_unchanged(
    server: PassportServer,
) -> None:
    server.always_the_same = True
    async with client_of(server.base_url) as client:
        await client.app.parameters()
        server.good = type("Nothing", (set,), {"add": lambda *_: None})()
        calls = (client.app.parameters() for _ in range(100))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {errors.Unauthorized}
    assert server.given == ["passport-1-ada"] * 2
    assert sum(request.path == "/api/parameters" for request in server.asked) == 201


async def test_all_waiting_calls_fail_at_once_if_there_is_no_passport(server: PassportServer) -> None:
    server.rejection = ("unauthorized", "no")
    async with client_of(server.base_url) as client:
        server.open.clear()
        calls = [asyncio.create_task(client.app.parameters()) for _ in range(100)]
        await _until(lambda: len(server.asked) == 1)
        server.open.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {str(outcome) for outcome in outcomes} == {str(outcomes[0])}
        assert isinstance(outcomes[0], errors.Unauthorized)
        assert len({id(outcome) for outcome in outcomes}) == 100, "each caller may change its own"
        assert [request.path for request in server.asked] == ["/api/passport"]
        server.rejection = None
        await client.app.parameters()


async def test_a_cancelled_fetch_does_not_cancel_other_calls(server: PassportServer) -> None:
    async with client_of(server.base_url) as client:
        server.open.clear()
        first, second = (asyncio.create_task(client.app.parameters()) for _ in range(2))
        await _until(lambda: len(server.asked) == 1)
        first.cancel()
        server.open.set()
        assert (await second).opening_statement == "hi"
        assert first.cancelled()


async def test_retries_of_fetching_a_passport_are_not_multiplied(fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Refuse(status=503, on="/passport", times=99))
    retry = Retry(attempts=3, base=0.001)
    async with web_client(fake_dify, retry=retry) as client:
        for call in (client.app.parameters, lambda: client.workflows.run({})):
            before = len(fake_dify.requests)
            with pytest.raises(errors.ServerError, match="GET /passport"):
                await call()
            assert len(fake_dify.requests) - before == 3
        fake_dify.faults.clear()
        await client.workflows.run({})


async def test_an_early_exit_while_the_passport_is_fetched_starts_no_run(
    server: PassportServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.open.clear()
    async with client_of(server.base_url) as client:
        run = asyncio.create_task(client.workflows.run({}))
        await _until(lambda: len(server.asked) == 1)
        run.cancel()
        async with asyncio.timeout(HANGS_AFTER):
            await asyncio.wait([run])
        server.open.set()
        await client.app.parameters()
    assert server.runs == 0
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("token", ["", "a\r\nX-Evil: yes", "a b", "\u00e4", 7, ["secret"]])
async def test_a_response_without_a_token_is_not_kept(server: PassportServer, token: Any) -> None:
    server.token = token
    async with client_of(server.base_url) as client:
        calls = {"GET /passport": client.app.parameters(), "POST /login": client.auth.login("a@b.c", "x")}
        for operation, call in calls.items():
            with pytest.raises(errors.DecodeError) as caught:
                await call
            assert caught.value.operation == operation
            assert "X-Evil" not in str(caught.value)
        assert (client.passport, client.login_token) == (None, None)


async def test_each_end_user_has_a_passport(server: PassportServer) -> None:
    async with client_of(server.base_url) as client:
        bob = client.for_user("bob")
        await client.app.parameters()
        await bob.app.parameters()
        assert (client.passport, bob.passport) == ("passport-1-ada", "passport-2-bob")


async def test_a_passport_that_is_rejected_is_renewed_once_for_all(server: PassportServer) -> None:
    async with client_of(server.base_url) as client:
        await client.app.parameters()
        server.good.clear()
        results = await asyncio.gather(*(client.workflows.run({}) for _ in range(5)), client.app.parameters())
        assert len(results) == 6
        assert client.passport == "passport-2-ada"
    assert server.given == ["passport-1-ada", "passport-2-ada"]
    assert server.runs == 5


async def test_a_renewed_passport_that_is_rejected_too_is_an_error(server: PassportServer) -> None:
    async with client_of(server.base_url, passport="passport-stale") as client:
        server.good = type("Nothing", (set,), {"add": lambda *_: None})()
        with pytest.raises(errors.Unauthorized, match="passport"):
            await client.app.parameters()
    assert len([request for request in server.asked if request.path == "/api/parameters"]) == 2


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("web_sso_auth_required", errors.LoginRequired, r"client\.auth\.login"),
        ("web_app_access_denied", errors.AppAccessDenied, "may not use"),
        ("unauthorized", errors.Unauthorized, "passport"),
    ],
)
async def test_an_app_that_is_not_public_says_what_to_do(
    server: PassportServer, code: str, kind: type[errors.Unauthorized], says: str
) -> None:
    server.rejection = (code, "no")
    async with client_of(server.base_url) as client:
        with pytest.raises(kind, match=says) as caught:
            await client.workflows.run({})
    assert type(caught.value) is kind
    assert not caught.value.may_have_started
    assert len(server.asked) == 1


async def test_a_login_has_its_own_passport(server: PassportServer) -> None:
    server.rejection = ("web_sso_auth_required", "Web app authentication required.")
    async with client_of(server.base_url, passport="passport-of-a-visitor") as client:
        with pytest.raises(errors.LoginRequired):
            await client.app.parameters()
        await client.auth.login("ada@example.org", "summer2026")
        await client.app.parameters()
        assert (client.login_token, client.passport) == ("login-token", "passport-1-ada")
        server.good.clear()
        await client.app.parameters()
        assert client.passport == "passport-2-ada", "renewed by the same login"
        await client.auth.logout()
        assert (client.login_token, client.passport) == (None, None)
    async with client_of(server.base_url, login_token="login-token") as again:
        await again.app.parameters()
        assert again.passport == "passport-3-ada"


async def test_the_old_and_the_new_header_are_sent_and_no_cookie(server: PassportServer) -> None:
    async with client_of(server.base_url) as client:
        await client.app.parameters()
        await client.system.features()
    own, features = server.asked[1:]
    assert own.headers["Authorization"] == "Bearer passport-1-ada"
    assert own.headers["X-App-Passport"] == "passport-1-ada"
    assert own.headers["X-App-Code"] == CODE
    for name in ("Authorization", "X-App-Passport", "X-App-Code", "Cookie"):
        assert name not in features.headers


async def test_a_passport_is_masked(server: PassportServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    server.rejection = ("unauthorized", "what is passport-secret-1 and login-secret-2?")
    async with client_of(
        server.base_url, passport="passport-secret-1", login_token="login-secret-2"
    ) as client:
        with pytest.raises(errors.Unauthorized) as caught:
            await client.app.parameters()
        login = await client.auth.login("ada@example.org", "secret-password")
        request = client._api.build(web_operations.LOGIN, {}, json={"password": "secret-password"})
        texts = [
            repr(client), repr(client._api), repr(client.auth), caplog.text, str(caught.value),
            repr(login), repr(request),
            caught.value.message, *traceback.format_exception(caught.value),
        ]  # fmt: skip
    assert "secret" not in "\n".join(texts)


async def test_passwords_and_codes_are_masked_if_the_server_echoes_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")

    async def answer(request: web.BaseRequest) -> web.Response:
        # As the server's validator does (recording: `err_web_chat_missing_inputs`), and more.
        sent = f"input_value={(await request.read()).decode()}, {request.path}, {dict(request.headers)}"
        return web.json_response({"code": "invalid_param", "message": sent, "status": 400}, status=400)

    password, code, token = "s3cret-password", "s3cret-code", "s3cret-token"
    hidden = ["s3cret", *(base64.b64encode(text.encode()).decode() for text in (password, code))]
    async with (
        serve(answer) as base_url,
        WebAppClient(CODE, base_url=base_url, passport="s3cret-passport") as client,
    ):
        calls: list[Awaitable[object]] = [
            client.auth.login("ada@example.org", password),
            client.auth.login_with_code("ada@example.org", code, token),
            client.auth.check_password_reset("ada@example.org", code, token),
            client.auth.reset_password(token, password),
            client.forms.get(token),
            client.forms.submit(token, {}, "approve"),
            client.forms.upload_token(token),
            client.forms.upload(InputFile(b"x", name="a.txt"), token),
            client.app.meta(extra_headers={"X-Proxy-Token": token}),
        ]
        texts = []
        for call in calls:
            with pytest.raises(errors.InvalidParam, match="input_value=") as caught:
                await call
            error = caught.value
            texts += [error.message, repr(error), *traceback.format_exception(error)]
    texts += [record.getMessage() for record in caplog.records if record.name.startswith("dify_async")]
    assert [secret for secret in hidden if secret in "\n".join(texts)] == []


async def test_credentials_that_are_not_str_are_rejected_before_sending(server: PassportServer) -> None:
    wrong: Any = 401837
    async with client_of(server.base_url) as client:
        for call in (
            client.auth.login("ada@example.org", wrong),
            client.auth.login("ada@example.org", ""),
            client.auth.login("ada@example.org", "401837\ud800"),
            client.auth.login_with_code("ada@example.org", wrong, "t"),
            client.auth.check_password_reset("ada@example.org", wrong, "t"),
            client.auth.reset_password(wrong, "winter2027"),
            client.forms.upload(b"x", wrong, name="a.txt"),
        ):
            with pytest.raises(errors.ConfigurationError) as caught:
                await call
            assert str(wrong) not in str(caught.value)
    assert server.asked == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (CODE, CODE),
        (f"https://udify.app/chat/{CODE}", CODE),
        (f"https://dify.test/sub/workflow/{CODE}/?theme=dark", CODE),
        ("https://dify.test/chat/our-app_2", "our-app_2"),
    ],
)
def test_the_app_code_may_be_the_url_of_the_app(given: str, code: str) -> None:
    assert WebAppClient(given).app_code == code


@pytest.mark.parametrize(
    "given", ["", "a b", "https://udify.app/", "../x", "ä", "https://[dify.test/chat/x", 7]
)
def test_an_invalid_app_code_is_rejected(given: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="`app_code` must be"):
        WebAppClient(given)


@pytest.mark.parametrize("name", ["passport", "login_token"])
def test_an_invalid_token_is_rejected_without_showing_it(name: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=name) as caught:
        WebAppClient(CODE, **{name: "secret\r\nX: y"})  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_the_base_url_and_app_code_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFY_APP_CODE", CODE)
    monkeypatch.setenv("DIFY_WEB_BASE_URL", "https://dify.test")
    client = WebAppClient()
    assert (client.app_code, client.base_url) == (CODE, "https://dify.test/api")
    monkeypatch.delenv("DIFY_WEB_BASE_URL")
    assert WebAppClient().base_url == "https://udify.app/api"


@pytest.mark.parametrize(
    ("address", "base_url"),
    [
        (f"https://udify.app/chat/{CODE}", "https://udify.app/api"),
        (f"http://dify.test:8080/workflow/{CODE}/", "http://dify.test:8080/api"),
        (f"https://dify.test/sub/chat/{CODE}?theme=dark", "https://dify.test/sub/api"),
    ],
)
def test_the_url_of_an_app_contains_its_server(
    address: str, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert WebAppClient(address).base_url == base_url
    assert WebAppClient(address, base_url="https://api.test").base_url == "https://api.test/api"
    monkeypatch.setenv("DIFY_APP_CODE", address)
    assert WebAppClient().base_url == base_url
    monkeypatch.setenv("DIFY_WEB_BASE_URL", "https://other.test")
    assert WebAppClient().base_url == "https://other.test/api"


async def test_a_community_server_has_no_logins() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        body = {"code": "not_found", "message": "no", "status": 404}
        return web.json_response(body, status=404)

    async with serve(answer) as base_url, WebAppClient(CODE, base_url=base_url) as client:
        for call in (
            client.auth.login("a@b.c", "x"),
            client.auth.send_login_code("a@b.c"),
            client.auth.login_with_code("a@b.c", "1", "t"),
            client.auth.send_password_reset("a@b.c"),
            client.auth.check_password_reset("a@b.c", "1", "t"),
            client.auth.reset_password("t", "x"),
        ):
            with pytest.raises(errors.NotSupportedByServer, match="enterprise"):
                await call
        with pytest.raises(errors.NotFound) as caught:
            await client.app.parameters()
        assert type(caught.value) is errors.NotFound
