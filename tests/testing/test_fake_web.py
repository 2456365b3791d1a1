"""FakeDify's Web API is compared with recordings of a real server."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from dify_async.testing import Chat, Completion, FakeDify, Field, Node, Refuse, Workflow
from dify_async.testing.scenario import App
from tests.support import recordings
from tests.support.fake_server import (
    ASKING,
    ASKING_CHATFLOW,
    CHATFLOW,
    events_of,
    filled,
    first_sentence,
    order,
    shape,
    shapes,
    upload,
)

ACCOUNT = "ada@example.org"
PASSWORD = "summer2026"


async def web(
    dify: FakeDify, method: str, path: str, *, as_: str | None = "ada", **kwargs: Any
) -> tuple[int, str, bytes]:
    """Send a request to the Web API with a visitor's passport, or without one if it is `None`."""
    headers = kwargs.pop("headers", {})
    if as_ is not None:
        headers = {"X-App-Code": dify.app_code, "X-App-Passport": await passport(dify, as_), **headers}
    url = dify.web_url.removesuffix("/api") + path
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers, **kwargs) as got,
    ):
        return got.status, got.content_type, await got.read()


async def passport(dify: FakeDify, user: str) -> str:
    known = [one.token for one in dify.passports if one.session_id == user and one.valid]
    if known:
        return known[-1]
    headers = {"X-App-Code": dify.app_code}
    _, _, body = await web(dify, "GET", f"/api/passport?user_id={user}", as_=None, headers=headers)
    token: str = json.loads(body)["access_token"]
    return token


def error_from_response(answer: tuple[int, str, bytes]) -> tuple[int, str]:
    return answer[0], json.loads(answer[2])["code"]


def said(**fields: Any) -> dict[str, Any]:
    return {"json": {"inputs": {}, "query": "hi", **fields}}


# Passports


@pytest.mark.parametrize(
    ("name", "app", "headers", "as_"),
    [
        ("err_web_passport_no_code", Chat(), {}, None),
        ("err_web_passport_bad_code", Chat(), {"X-App-Code": "nope"}, None),
        ("err_web_site_disabled_passport", Chat(), {"X-App-Code": "the app's"}, None),
        ("err_web_access_mode_none", Chat(), {}, None),
        ("err_web_chat_missing_inputs", Chat(), {}, "ada"),
        ("err_web_wrong_mode_workflow", Chat(), {}, "ada"),
        ("err_web_pin_unknown", Chat(), {}, "ada"),
        ("err_web_saved_message_unknown", Completion(), {}, "ada"),
    ],
)
async def test_web_api_rejections_match_a_real_server(
    fake_dify: FakeDify, name: str, app: App, headers: dict[str, str], as_: str | None
) -> None:
    fake_dify.app = app
    if "site_disabled" in name:
        fake_dify.site_enabled, headers = False, {"X-App-Code": fake_dify.app_code}
    real = recordings.load(name)
    given = {} if real.request_body is None else {"json": real.request_body}
    status, content_type, body = await web(
        fake_dify, real.method, real.path, as_=as_, headers=headers, **given
    )
    assert (status, content_type) == (real.status, real.headers["content-type"].partition(";")[0])
    ours, theirs = json.loads(body), json.loads(real.body)
    for answer in (ours, theirs):
        answer["message"] = first_sentence(answer.get("message", "")).partition(". If you")[0]
    assert ours == theirs


async def test_a_passport_identifies_the_end_user(fake_dify: FakeDify) -> None:
    headers = {"X-App-Code": fake_dify.app_code}
    tokens: list[str] = []
    for query in ("", "", "?user_id=ada", "?user_id=ada"):
        _, _, body = await web(fake_dify, "GET", f"/api/passport{query}", as_=None, headers=headers)
        tokens.append(json.loads(body)["access_token"])
    claims = [json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")) for token in tokens]
    assert claims[0].keys() == {"iss", "sub", "app_id", "app_code", "end_user_id"}
    ids = [claim["end_user_id"] for claim in claims]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 3, "a new visitor each time if no name is given"
    assert tokens[2] == tokens[3], "it contains nothing that changes"
    fake_dify.revoke_passports()
    _, _, body = await web(fake_dify, "GET", "/api/passport?user_id=ada", as_=None, headers=headers)
    assert json.loads(body)["access_token"] != tokens[2]
    fake_dify.passport_seconds = 60
    _, _, body = await web(fake_dify, "GET", "/api/passport", as_=None, headers=headers)
    payload = json.loads(body)["access_token"].split(".")[1]
    assert abs(json.loads(base64.urlsafe_b64decode(payload + "=="))["exp"] - time.time() - 60) < 5


async def test_a_passport_is_required(fake_dify: FakeDify) -> None:
    token = await passport(fake_dify, "ada")

    async def seen(**headers: str) -> tuple[int, str]:
        answer = await web(fake_dify, "GET", "/api/meta", as_=None, headers=headers)
        return answer[0], json.loads(answer[2]).get("message", "")

    assert await seen() == (401, "App token is missing.")
    assert await seen(Authorization=f"Bearer {token}") == (401, "App token is missing.")
    assert await seen(**{"X-App-Passport": "xx"}) == (401, "Invalid token.")
    assert await seen(**{"X-App-Passport": token}) == (200, "")
    fake_dify.version = "1.8.1"
    assert await seen(Authorization=f"Bearer {token}") == (200, "")
    assert (await seen(**{"X-App-Passport": token}))[0] == 401


async def test_a_passport_expires(fake_dify: FakeDify) -> None:
    fake_dify.passport_seconds = 0.05
    token = await passport(fake_dify, "ada")
    await asyncio.sleep(0.1)
    headers = {"X-App-Passport": token}
    answer = await web(fake_dify, "GET", "/api/meta", as_=None, headers=headers)
    assert error_from_response(answer) == (401, "unauthorized")
    fake_dify.passport_seconds = None
    assert (await web(fake_dify, "GET", "/api/meta", as_="eve"))[0] == 200
    token = await passport(fake_dify, "eve")
    fake_dify.revoke_passports()
    headers = {"X-App-Passport": token}
    assert error_from_response(await web(fake_dify, "GET", "/api/meta", as_=None, headers=headers)) == (
        401,
        "unauthorized",
    )


@pytest.mark.parametrize("attribute", ["site_enabled", "app_code"])
async def test_a_site_can_be_disabled_or_moved(fake_dify: FakeDify, attribute: str) -> None:
    headers = {"X-App-Passport": await passport(fake_dify, "ada")}
    setattr(fake_dify, attribute, False if attribute == "site_enabled" else "another")
    answer = await web(fake_dify, "GET", "/api/meta", as_=None, headers=headers)
    assert error_from_response(answer) == (400, "bad_request")


# Logins


@pytest.mark.parametrize("path", ["login", "email-code-login", "email-code-login/validity", "forgot-password", "forgot-password/validity", "forgot-password/resets"])  # fmt: skip
async def test_a_community_server_has_no_logins(fake_dify: FakeDify, path: str) -> None:
    assert error_from_response(await web(fake_dify, "POST", f"/api/{path}", as_=None, json={})) == (
        404,
        "not_found",
    )


async def test_a_community_server_reports_its_features(fake_dify: FakeDify) -> None:
    _, _, body = await web(fake_dify, "GET", "/api/system-features", as_=None)
    features = json.loads(body)
    assert (len(features), features["webapp_auth"]["enabled"]) == (20, False)
    path = f"/api/webapp/permission?appId={fake_dify.app_id}"
    assert error_from_response(await web(fake_dify, "GET", path)) == (500, "unknown")
    _, _, body = await web(fake_dify, "GET", f"/api/login/status?app_code={fake_dify.app_code}", as_=None)
    assert json.loads(body) == {"logged_in": True, "app_logged_in": False}
    _, _, body = await web(fake_dify, "GET", f"/api/login/status?app_code={fake_dify.app_code}")
    assert json.loads(body) == {"logged_in": True, "app_logged_in": True}


def private(dify: FakeDify, mode: str = "private") -> None:
    dify.webapp_auth, dify.access_mode = True, mode
    dify.accounts[ACCOUNT] = PASSWORD


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def log_in(dify: FakeDify, password: str = PASSWORD, email: str = ACCOUNT) -> tuple[int, str, bytes]:
    given = {"email": email, "password": coded(password)}
    return await web(dify, "POST", "/api/login", as_=None, json=given)


def token_in(answer: tuple[int, str, bytes]) -> str:
    token: str = json.loads(answer[2])["data"]["access_token"]
    return token


async def enter(dify: FakeDify, login: str | None) -> tuple[int, str, bytes]:
    headers = {"X-App-Code": dify.app_code}
    if login is not None:
        headers["Authorization"] = f"Bearer {login}"
    return await web(dify, "GET", "/api/passport", as_=None, headers=headers)


async def test_a_private_app_requires_a_login(fake_dify: FakeDify) -> None:
    public = await passport(fake_dify, "ada")
    private(fake_dify)
    for headers in ({}, {"X-App-Passport": "xx"}, {"X-App-Passport": public}):
        answer = await web(fake_dify, "GET", "/api/meta", as_=None, headers=headers)
        assert error_from_response(answer) == (401, "web_sso_auth_required")
    assert error_from_response(await enter(fake_dify, None)) == (401, "web_sso_auth_required")
    assert error_from_response(await enter(fake_dify, "nope")) == (401, "unauthorized")
    for wrong in ({"password": "wrong2026"}, {"email": "eve@example.org"}):
        assert error_from_response(await log_in(fake_dify, **wrong)) == (401, "authentication_failed")
    for wrong in ({"password": "short"}, {"email": "nobody"}):
        assert error_from_response(await log_in(fake_dify, **wrong)) == (400, "invalid_param")
    plain = {"email": ACCOUNT, "password": "not base64!"}
    answer = await web(fake_dify, "POST", "/api/login", as_=None, json=plain)
    assert error_from_response(answer) == (401, "authentication_failed")

    login = token_in(await log_in(fake_dify))
    headers = {"X-App-Passport": json.loads((await enter(fake_dify, login))[2])["access_token"]}
    assert (await web(fake_dify, "GET", "/api/meta", as_=None, headers=headers))[0] == 200
    assert fake_dify.passports[-1].session_id == ACCOUNT
    path = f"/api/webapp/permission?appId={fake_dify.app_id}"
    headers["X-App-Code"] = fake_dify.app_code
    assert json.loads((await web(fake_dify, "GET", path, as_=None, headers=headers))[2]) == {"result": True}
    fake_dify.denied.add(ACCOUNT)
    assert json.loads((await web(fake_dify, "GET", path, as_=None, headers=headers))[2]) == {"result": False}
    answer = await web(fake_dify, "GET", "/api/meta", as_=None, headers=headers)
    assert error_from_response(answer) == (401, "web_app_access_denied")
    fake_dify.access_mode = "public"
    answer = await web(fake_dify, "GET", "/api/meta", as_=None, headers=headers)
    assert error_from_response(answer) == (401, "unauthorized")


async def test_a_code_by_mail_logs_in(fake_dify: FakeDify) -> None:
    private(fake_dify)
    answer = await web(
        fake_dify, "POST", "/api/email-code-login", as_=None, json={"email": "eve@example.org"}
    )
    assert error_from_response(answer) == (401, "authentication_failed")
    _, _, body = await web(fake_dify, "POST", "/api/email-code-login", as_=None, json={"email": ACCOUNT})
    given = {"email": ACCOUNT, "code": coded(fake_dify.codes[ACCOUNT]), "token": json.loads(body)["data"]}
    path = "/api/email-code-login/validity"
    for wrong, status, code in (
        ({"code": "000000"}, 400, "email_code_error"),
        ({"code": coded("wrong")}, 400, "email_code_error"),
        ({"email": "eve@example.org"}, 400, "invalid_email"),
        ({"token": "x"}, 500, "unknown"),
    ):
        assert error_from_response(await web(fake_dify, "POST", path, as_=None, json={**given, **wrong})) == (
            status,
            code,
        )
    login = token_in(await web(fake_dify, "POST", path, as_=None, json=given))
    assert (await enter(fake_dify, login))[0] == 200
    status = f"/api/login/status?app_code={fake_dify.app_code}"
    for headers, logged_in in (({}, False), ({"Authorization": f"Bearer {login}"}, True)):
        _, _, body = await web(fake_dify, "GET", status, as_=None, headers=headers)
        assert json.loads(body) == {"logged_in": logged_in, "app_logged_in": False}
    assert json.loads((await web(fake_dify, "POST", "/api/logout", as_=None))[2]) == {"result": "success"}


async def test_single_sign_on_is_another_login(fake_dify: FakeDify) -> None:
    private(fake_dify, "sso_verified")
    assert error_from_response(await enter(fake_dify, token_in(await log_in(fake_dify)))) == (
        401,
        "web_sso_auth_required",
    )
    assert (await enter(fake_dify, fake_dify.log_in("eve", internal=False).token))[0] == 200
    path = f"/api/webapp/access-mode?appCode={fake_dify.app_code}"
    _, _, body = await web(fake_dify, "GET", path, as_=None)
    assert json.loads(body) == {"accessMode": "sso_verified"}
    answer = await web(fake_dify, "GET", "/api/webapp/access-mode", as_=None)
    assert error_from_response(answer) == (400, "invalid_param")


async def test_a_password_is_reset(fake_dify: FakeDify) -> None:
    private(fake_dify)

    async def step(path: str, **given: str) -> tuple[int, str, bytes]:
        return await web(fake_dify, "POST", f"/api/forgot-password{path}", as_=None, json=given)

    _, _, body = await step("", email=ACCOUNT)
    first = json.loads(body)["data"]
    code = fake_dify.codes[ACCOUNT]
    assert error_from_response(await step("/validity", email=ACCOUNT, code=code, token="x")) == (
        400,
        "invalid_or_expired_token",
    )
    assert error_from_response(await step("/validity", email=ACCOUNT, code="no", token=first)) == (
        400,
        "email_code_error",
    )
    _, _, body = await step("/validity", email=ACCOUNT, code=code, token=first)
    checked = json.loads(body)
    assert (checked["is_valid"], checked["email"], checked["token"] != first) == (True, ACCOUNT, True)
    new = {"new_password": "winter2027", "password_confirm": "winter2027"}
    assert error_from_response(await step("/resets", token=first, **new)) == (400, "invalid_or_expired_token")
    mistyped = {**new, "password_confirm": "winter2028"}
    assert error_from_response(await step("/resets", token=checked["token"], **mistyped)) == (
        400,
        "password_mismatch",
    )
    assert json.loads((await step("/resets", token=checked["token"], **new))[2]) == {"result": "success"}
    assert (await log_in(fake_dify, "winter2027"))[0] == 200


async def test_a_wrong_code_is_rejected(fake_dify: FakeDify) -> None:
    private(fake_dify)
    _, _, body = await web(fake_dify, "POST", "/api/forgot-password", as_=None, json={"email": ACCOUNT})
    given = {"email": ACCOUNT, "code": "no", "token": json.loads(body)["data"]}
    seen = [
        error_from_response(
            await web(fake_dify, "POST", "/api/forgot-password/validity", as_=None, json=given)
        )
        for _ in range(6)
    ]
    assert seen == [(400, "email_code_error")] * 5 + [(429, "email_password_reset_limit")]


# Answers


@pytest.mark.parametrize(
    ("name", "app"),
    [
        ("web_chat_streaming", Chat()),
        ("web_completion_streaming", Completion()),
        ("web_workflow_run_streaming", Workflow()),
        ("web_workflow_run_no_mode", Workflow()),
        ("web_human_start_streaming", ASKING),
    ],
)
async def test_web_api_streams_match_a_real_server(fake_dify: FakeDify, name: str, app: App) -> None:
    fake_dify.app, fake_dify.tail = app, 0
    real = recordings.load(name)
    status, content_type, body = await web(fake_dify, real.method, real.path, json=real.request_body)
    assert (status, content_type) == (200, "text/event-stream")
    assert shapes(body) == shapes(real.body)
    assert order(body)[-1] == order(real.body)[-1]


@pytest.mark.parametrize("mode", ["blocking", None])
async def test_a_workflow_always_streams(fake_dify: FakeDify, mode: str | None) -> None:
    fake_dify.tail = 0
    given = {"json": {"inputs": {}, "response_mode": mode}}
    assert (await web(fake_dify, "POST", "/api/workflows/run", **given))[1] == "text/event-stream"


async def test_costs_are_hidden(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    _, _, body = await web(fake_dify, "POST", "/api/chat-messages", **said())
    answer = json.loads(body)
    assert answer["metadata"] == {"retriever_resources": []}
    path = f"/api/messages?conversation_id={answer['conversation_id']}"
    (message,) = json.loads((await web(fake_dify, "GET", path))[2])["data"]
    assert "usage" in message["metadata"], "but the history shows it"


async def test_nodes_are_reported_without_their_contents(fake_dify: FakeDify) -> None:
    fake_dify.app, fake_dify.tail = CHATFLOW, 0
    _, _, body = await web(fake_dify, "POST", "/api/chat-messages", **said(response_mode="streaming"))
    for event in events_of(body):
        if event["event"] == "node_finished":
            assert event["data"]["outputs"] is None
            assert "outputs_truncated" not in event["data"]
    assert events_of(body)[-1]["data"]["outputs"]["answer"] == "Hello, world"


async def test_a_chatflow_needs_a_known_conversation(fake_dify: FakeDify) -> None:
    fake_dify.app, fake_dify.silence = CHATFLOW, 0
    unknown = said(conversation_id=str(uuid.uuid4()))
    assert error_from_response(await web(fake_dify, "POST", "/api/chat-messages", **unknown)) == (
        404,
        "not_found",
    )
    unknown["json"]["response_mode"] = "streaming"
    _, _, body = await web(fake_dify, "POST", "/api/chat-messages", **unknown)
    assert order(body) == ["error"]


async def test_messages_have_their_parents(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    first = json.loads((await web(fake_dify, "POST", "/api/chat-messages", **said()))[2])
    follow_up = said(conversation_id=first["conversation_id"], parent_message_id=first["id"])
    await web(fake_dify, "POST", "/api/chat-messages", **follow_up)
    path = f"/api/messages?conversation_id={first['conversation_id']}"
    data = json.loads((await web(fake_dify, "GET", path))[2])["data"]
    assert [one["parent_message_id"] for one in data] == [None, first["id"]]
    assert error_from_response(await web(fake_dify, "GET", path, as_="eve")) == (404, "not_found")


async def test_a_message_is_stopped_without_a_body(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["x"] * 10, seconds=2)
    answer = asyncio.create_task(
        web(fake_dify, "POST", "/api/chat-messages", **said(response_mode="streaming"))
    )
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 1)
    (generation,) = fake_dify.generations.values()
    _, _, body = await web(fake_dify, "POST", f"/api/chat-messages/{generation.task_id}/stop")
    assert json.loads(body) == {"result": "success"}
    await answer
    assert fake_dify.runs_stopped == 1


async def test_faults_apply_to_web_apps(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    await passport(fake_dify, "ada")
    fake_dify.faults.append(Refuse(status=502, body=b"<html>"))
    assert (await web(fake_dify, "POST", "/api/chat-messages", **said()))[0] == 502


# Conversations and messages


async def test_each_api_lists_its_own_conversations(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    found = json.loads((await web(fake_dify, "POST", "/api/chat-messages", **said()))[2])["conversation_id"]
    for pinned, shown in ((False, [found]), (True, []), (None, [found])):
        query = "" if pinned is None else f"?pinned={str(pinned).lower()}"
        _, _, body = await web(fake_dify, "GET", f"/api/conversations{query}")
        assert [one["id"] for one in json.loads(body)["data"]] == shown
    path = f"/api/conversations/{found}"
    assert json.loads((await web(fake_dify, "PATCH", f"{path}/pin"))[2]) == {"result": "success"}
    _, _, body = await web(fake_dify, "GET", "/api/conversations?pinned=true")
    assert [one["name"] for one in json.loads(body)["data"]] == ["hi"]
    headers = {"Authorization": f"Bearer {fake_dify.api_key}"}
    _, _, body = await web(fake_dify, "GET", "/v1/conversations?user=ada", as_=None, headers=headers)
    assert json.loads(body)["data"] == []
    for unpinned in (path, f"/api/conversations/{uuid.uuid4()}"):
        assert (await web(fake_dify, "PATCH", f"{unpinned}/unpin"))[0] == 200
    assert (await web(fake_dify, "DELETE", path))[0] == 204
    status, content_type, _ = await web(fake_dify, "DELETE", "/api/conversations/nope")
    assert (status, content_type) == (404, "text/html")


async def test_suggested_questions_are_returned(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(suggested=["And then?"])
    message_id = json.loads((await web(fake_dify, "POST", "/api/chat-messages", **said()))[2])["id"]
    path = f"/api/messages/{message_id}/suggested-questions"
    assert json.loads((await web(fake_dify, "GET", path))[2]) == {"data": ["And then?"]}
    fake_dify.app = Chat()
    disabled = (403, "app_suggested_questions_after_answer_disabled")
    assert error_from_response(await web(fake_dify, "GET", path)) == disabled
    assert fake_dify.model_calls == 1


async def test_more_like_this_is_answered(fake_dify: FakeDify) -> None:
    fake_dify.app = Completion()
    answer = json.loads((await web(fake_dify, "POST", "/api/completion-messages", **said()))[2])
    path = f"/api/messages/{answer['id']}/more-like-this"
    _, _, body = await web(fake_dify, "GET", f"{path}?response_mode=blocking")
    more = json.loads(body)
    assert (shape(more), more["answer"]) == (shape(answer), "More like this")
    assert fake_dify.runs_started == 2
    with pytest.raises(aiohttp.ClientPayloadError):
        await web(fake_dify, "GET", f"{path}?response_mode=streaming")
    assert error_from_response(await web(fake_dify, "GET", path)) == (400, "invalid_param")
    fake_dify.app = Completion(more=None)
    disabled = (403, "app_more_like_this_disabled")
    assert error_from_response(await web(fake_dify, "GET", f"{path}?response_mode=blocking")) == disabled
    fake_dify.app = Chat()
    assert error_from_response(await web(fake_dify, "GET", f"{path}?response_mode=blocking")) == (
        400,
        "not_completion_app",
    )


async def test_messages_are_saved(fake_dify: FakeDify) -> None:
    fake_dify.app = Completion()
    ids: list[str] = []
    for _ in range(2):
        _, _, body = await web(fake_dify, "POST", "/api/completion-messages", json={"inputs": {}})
        ids.append(json.loads(body)["id"])
        for _ in range(2):
            given = {"json": {"message_id": ids[-1]}}
            assert (await web(fake_dify, "POST", "/api/saved-messages", **given))[0] == 200
    assert fake_dify.saved == ids
    page = json.loads((await web(fake_dify, "GET", "/api/saved-messages?limit=1"))[2])
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([ids[1]], True)
    keys = {"id", "inputs", "query", "answer", "message_files", "feedback", "created_at"}
    assert page["data"][0].keys() == keys
    page = json.loads((await web(fake_dify, "GET", f"/api/saved-messages?last_id={ids[1]}"))[2])
    assert [one["id"] for one in page["data"]] == [ids[0]]
    answer = await web(fake_dify, "GET", f"/api/saved-messages?last_id={uuid.uuid4()}")
    assert (error_from_response(answer), json.loads(answer[2])["message"]) == ((400, "invalid_param"), "")
    for message_id in (ids[0], str(uuid.uuid4())):
        assert (await web(fake_dify, "DELETE", f"/api/saved-messages/{message_id}"))[0] == 204
    assert fake_dify.saved == ids[1:]


# Files


async def test_files_belong_to_the_end_user_of_the_passport(fake_dify: FakeDify) -> None:
    status, _, body = await web(fake_dify, "POST", "/api/files/upload", **upload(("file", "a.png", "", b"x")))
    real = json.loads(recordings.load("file_upload_png").body)
    assert (status, json.loads(body).keys()) == (201, real.keys())
    assert [file.user for file in fake_dify.files.values()] == ["ada"]


async def test_remote_files_are_fetched(fake_dify: FakeDify) -> None:
    url = "https://example.org/a b.pdf?v=2"
    fake_dify.remote_files[url] = ("application/pdf", b"12345")
    _, _, body = await web(fake_dify, "GET", f"/api/remote-files/{quote(url, safe='')}")
    assert json.loads(body) == {"file_type": "application/pdf", "file_length": 5}
    status, _, body = await web(fake_dify, "POST", "/api/remote-files/upload", json={"url": url})
    file = json.loads(body)
    keys = {"id", "name", "size", "extension", "url", "mime_type", "created_by", "created_at"}
    assert (status, file.keys(), file["name"], file["size"]) == (201, keys, "a b.pdf", 5)
    answer = await web(fake_dify, "POST", "/api/remote-files/upload", json={"url": "https://example.org/"})
    assert error_from_response(answer) == (400, "remote_file_upload_error")
    assert error_from_response(await web(fake_dify, "GET", "/api/remote-files/x")) == (500, "unknown")


async def test_audio_is_transcribed_and_spoken(fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    _, _, body = await web(
        fake_dify, "POST", "/api/audio-to-text", **upload(("file", "a.wav", "audio/wav", b"x"))
    )
    assert json.loads(body) == {"text": "good evening"}
    assert [file.user for file in fake_dify.audio_files] == ["ada"]
    answer = await web(fake_dify, "POST", "/api/text-to-audio", json={"message_id": "nope"})
    assert error_from_response(answer) == (400, "invalid_param")
    assert (await web(fake_dify, "POST", "/api/text-to-audio", json={"text": "x"}))[1] == "audio/mpeg"


async def test_the_site_is_described(fake_dify: FakeDify) -> None:
    page = json.loads((await web(fake_dify, "GET", "/api/site"))[2])
    assert page["end_user_id"] in fake_dify.end_users
    flat = json.loads(recordings.load("get_site_chat").body)
    assert page["site"].keys() == {*flat, "prompt_public"}
    for path in ("parameters", "meta"):
        assert (await web(fake_dify, "GET", f"/api/{path}"))[0] == 200


# Forms


async def paused(dify: FakeDify, app: Workflow = ASKING) -> str:
    """Start a run that waits for a person, and return its id."""
    dify.app, dify.tail = app, 0
    path = "/api/chat-messages" if app.mode == "advanced-chat" else "/api/workflows/run"
    await web(dify, "POST", path, **said(response_mode="streaming"))
    return next(reversed(dify.runs))


async def test_a_resumed_run_matches_a_real_server(fake_dify: FakeDify) -> None:
    run_id = await paused(fake_dify)
    (token,) = fake_dify.forms
    fake_dify.resume_delay = 0.2
    rest = asyncio.create_task(web(fake_dify, "GET", f"/api/workflow/{run_id}/events"))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: "/events" in fake_dify.requests[-1].path)
    _, _, body = await web(fake_dify, "GET", f"/api/form/human_input/{token}", as_=None)
    assert json.loads(body)["site"]["end_user_id"] is None
    _, _, body = await web(fake_dify, "POST", f"/api/form/human_input/{token}", as_=None, **filled())
    assert json.loads(body) == {}
    _, _, body = await rest
    real = recordings.load("web_human_events")
    assert shapes(body) == shapes(real.body)
    path = f"/api/workflow/{run_id}/events?include_state_snapshot=true"
    _, _, body = await web(fake_dify, "GET", path)
    real = recordings.load("web_workflow_events_after_finish")
    assert (order(body), shapes(body)) == (order(real.body), shapes(real.body))


async def test_events_are_limited_to_the_runs_of_the_end_user(fake_dify: FakeDify) -> None:
    run_id = await paused(fake_dify, ASKING_CHATFLOW)
    path = f"/api/workflow/{run_id}/events"
    assert error_from_response(await web(fake_dify, "GET", path, as_="eve")) == (404, "not_found")
    assert error_from_response(await web(fake_dify, "GET", "/api/workflow/nope/events")) == (500, "unknown")
    fake_dify.mode = "chat"
    assert error_from_response(await web(fake_dify, "GET", path)) == (400, "invalid_param")


async def test_forms_accept_files(fake_dify: FakeDify) -> None:
    await paused(fake_dify)
    (token,) = fake_dify.forms
    path = f"/api/form/human_input/{token}/upload-token"
    given = json.loads((await web(fake_dify, "POST", path, as_=None))[2])
    assert given["expires_at"] == fake_dify.forms[token].expiration_time

    async def uploaded(authorization: str | None, **body: Any) -> tuple[int, str, bytes]:
        headers = {**body.pop("headers", {}), **({"Authorization": authorization} if authorization else {})}
        return await web(fake_dify, "POST", "/api/human-input-forms/files", as_=None, headers=headers, **body)

    bearer = f"bearer {given['upload_token']}"
    for authorization, status in ((None, 401), ("Bearer x", 400), ("Bearer hitl_upload_x", 403)):
        answer = await uploaded(authorization, **upload(("file", "a.txt", "text/plain", b"x")))
        assert error_from_response(answer) == (status, "invalid_upload_token")
    status, _, body = await uploaded(bearer, **upload(("file", "a.txt", "text/plain", b"x")))
    assert (status, json.loads(body)["name"]) == (201, "a.txt")
    fake_dify.remote_files["https://example.org/b.txt"] = ("text/plain", b"xy")
    form = aiohttp.FormData({"url": "https://example.org/b.txt"}, default_to_multipart=True)
    status, _, body = await uploaded(bearer, data=form)
    assert (status, "source_url" in json.loads(body)) == (201, False)
    form = aiohttp.FormData({"url": ""}, default_to_multipart=True)
    assert error_from_response(await uploaded(bearer, data=form)) == (400, "invalid_param")
    assert [file.user for file in fake_dify.files.values()] == ["ada", "ada"]
    await web(fake_dify, "POST", f"/api/form/human_input/{token}", as_=None, **filled())
    answer = await uploaded(bearer, **upload(("file", "a.txt", "text/plain", b"x")))
    assert error_from_response(answer) == (412, "human_input_form_submitted")


async def test_forms_are_submitted_with_files(fake_dify: FakeDify) -> None:
    fields = [Field("scan", "file"), Field("more", "file-list")]
    await paused(fake_dify, Workflow(nodes=[Node("Ask", form="?", form_fields=fields)]))
    (token,) = fake_dify.forms
    _, _, body = await web(
        fake_dify, "POST", "/api/files/upload", **upload(("file", "a.txt", "text/plain", b"x"))
    )
    scan = {"type": "document", "transfer_method": "local_file", "upload_file_id": json.loads(body)["id"]}
    path = f"/api/form/human_input/{token}"
    foreign = {**scan, "upload_file_id": str(uuid.uuid4())}
    answer = await web(fake_dify, "POST", path, as_=None, **filled(inputs={"scan": foreign, "more": []}))
    assert error_from_response(answer) == (400, "invalid_form_data")
    await web(fake_dify, "POST", path, as_=None, **filled(inputs={"scan": scan, "more": [scan]}))
    (run,) = fake_dify.runs.values()
    assert run.form_inputs["scan"]["related_id"] == scan["upload_file_id"]
    assert len(run.form_inputs["more"]) == 1
