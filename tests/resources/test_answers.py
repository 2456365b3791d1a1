"""Responses of servers, proxies and wrong URLs become the right error with a helpful message."""

from __future__ import annotations

import json
import logging
import pickle
import re
import traceback
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses

import dify_async
from dify_async import AppClient, Retry, errors
from dify_async.errors import DifyError
from tests.support import recordings
from tests.support.clients import KEY, NO_RETRY, app_client

PACKAGE = Path(dify_async.__file__).parent
BASE = "https://dify.test/v1"
RUN_ID = "02a5c498-5a28-4ca6-b9f7-f47a346911a5"

NGINX_413 = b"<html><head><title>413 Request Entity Too Large</title></head><body>nginx/1.22.1</body></html>"
CLOUDFLARE_524 = (
    b"<!DOCTYPE html><html><head><title>dify.test | 524: A timeout occurred</title></head></html>"
)
CONSOLE = b"<!doctype html><html><head><title>Dify</title></head><body><div id=root></div></body></html>"


def answer(status: int, body: bytes, content_type: str, **headers: str) -> dict[str, Any]:
    return {"status": status, "body": body, "headers": {"Content-Type": content_type, **headers}}


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (answer(200, CONSOLE, "text/html"), errors.DecodeError, "base_url"),
        (answer(200, CONSOLE, "application/json"), errors.DecodeError, "base_url"),
        (answer(200, b"null\n", "application/json"), errors.DecodeError, "must be an object, got null"),
        (answer(200, b"[]", "application/json"), errors.DecodeError, "must be an object, got an array"),
        (answer(200, b'"ok"', "application/json"), errors.DecodeError, "must be an object, got a string"),
        (answer(200, b'{"name": "x', "application/json"), errors.DecodeError, "an incomplete body"),
        (answer(200, b"", "application/json"), errors.DecodeError, "expected JSON, got an empty body"),
        (answer(200, b'{"tags": "x"}', "application/json"), errors.DecodeError, "tags must be an array"),
        (answer(200, b'{"name": {}}', "application/json"), errors.DecodeError, "name must be a string"),
        (answer(204, b"", "application/json"), errors.DecodeError, "expected JSON, got an empty body"),
        (answer(413, NGINX_413, "text/html"), errors.FileTooLarge, "client_max_body_size"),
        (
            answer(413, b'{"code": "file_too_large", "message": "", "status": 413}', "application/json"),
            errors.FileTooLarge,
            "file_too_large",
        ),
        (
            answer(415, b'{"code": "unsupported_file_type", "message": "no"}', "application/json"),
            errors.UnsupportedFileType,
            "unsupported_file_type",
        ),
        (answer(502, b"<html><title>502 Bad Gateway</title></html>", "text/html"), errors.GatewayError, "proxy"),
        (answer(504, b"", "text/html"), errors.GatewayError, "proxy"),
        (answer(524, CLOUDFLARE_524, "text/html"), errors.GatewayError, "A timeout occurred"),
        (answer(503, b'{"code": "service_unavailable", "message": "later"}', "application/json"),
         errors.ServerError, "later"),
        (answer(429, b"<html><title>1015</title></html>", "text/html"), errors.RateLimited, "max_concurrent"),
        (answer(404, CONSOLE, "text/html"), errors.NotSupportedByServer, "base_url"),
        (answer(401, b'{"code": "unauthorized", "message": "Access token is invalid"}', "application/json"),
         errors.Unauthorized, "API key"),
        (answer(418, b"teapot", "text/plain"), errors.BadRequest, "teapot"),
        (answer(301, b"", "text/html", Location="https://new.test/v1/info?token=hunter2"),
         errors.ApiError, r"https://new\.test/v1/info"),
    ],
)  # fmt: skip
async def test_each_response_becomes_its_error(
    reply: dict[str, Any], kind: type[DifyError], says: str
) -> None:
    with aioresponses() as server:
        server.get(f"{BASE}/info", **reply)
        async with app_client(BASE, retry=NO_RETRY) as client:
            with pytest.raises(kind, match=says) as caught:
                await client.app.info()
    assert type(caught.value) is kind
    assert caught.value.operation == "GET /info"
    assert "hunter2" not in str(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.__dict__) == (kind, str(caught.value), caught.value.__dict__)


RUN_REFUSALS = {
    "err_auth_bad_key": errors.Unauthorized,
    "err_auth_dataset_key_on_app": errors.Unauthorized,
    "err_auth_missing_header": errors.Unauthorized,
    "err_api_disabled": errors.Forbidden,
    "err_wf_missing_user": errors.InvalidParam,
    "err_wf_missing_inputs": errors.InvalidParam,
    "err_wf_inputs_not_object": errors.InvalidParam,
    "err_wf_bad_response_mode": errors.InvalidParam,
    "err_wf_bad_json": errors.BadRequest,
    "err_wf_json_array": errors.ServerError,
    "err_wf_no_content_type": errors.UnsupportedFileType,
    "err_wf_name_not_string": errors.InvalidParam,
    "err_wf_name_too_long": errors.InvalidParam,
    "err_wf_number_not_number": errors.InvalidParam,
    "err_wf_select_bad_option": errors.InvalidParam,
    "err_wf_file_bad_shape": errors.InvalidParam,
    "err_wf_file_type_mismatch": errors.InvalidParam,
    "err_wf_unpublished_streaming": errors.InvalidParam,
    "err_wf_unpublished_blocking": errors.InvalidParam,
    "err_wrong_mode_chat_key_workflow": errors.WrongAppMode,
    "err_rate_limited_streaming": errors.RateLimited,
    "err_wf_run_by_bad_id": errors.BadRequest,
    "err_wf_run_by_unknown_id": errors.NotFound,
    "err_wf_delete_method": errors.BadRequest,
    "chaos_nginx_502_api_down": errors.GatewayError,
}


@pytest.mark.parametrize(("name", "kind"), RUN_REFUSALS.items())
async def test_every_recorded_rejection_of_a_run_becomes_its_error(
    name: str, kind: type[errors.ApiError]
) -> None:
    recorded = recordings.load(name)
    with aioresponses() as server:
        server.post(
            f"{BASE}/workflows/run",
            status=recorded.status,
            body=recorded.body,
            headers=recorded.headers,
        )
        async with app_client(BASE, retry=NO_RETRY) as client:
            with pytest.raises(errors.ApiError) as caught:
                await client.workflows.run({})
    assert type(caught.value) is kind
    assert caught.value.status == recorded.status
    assert str(caught.value)
    if recorded.body.startswith(b"{"):
        sent = json.loads(recorded.body)
        assert (caught.value.code, caught.value.message) == (sent["code"], sent["message"])
    assert caught.value.may_have_started == (recorded.status >= 500)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("err_run_detail_bad_uuid", errors.ServerError),
        ("err_run_detail_chat_app", errors.WrongAppMode),
        ("err_run_detail_other_app", errors.NotFound),
        ("err_auth_get_parameters_bad_key", errors.Unauthorized),
        ("err_unknown_path", errors.NotFound),
    ],
)
async def test_every_recorded_rejection_of_a_record_becomes_its_error(
    name: str, kind: type[errors.ApiError]
) -> None:
    recorded = recordings.load(name)
    with aioresponses() as server:
        server.get(
            f"{BASE}/workflows/run/{RUN_ID}",
            status=recorded.status,
            body=recorded.body,
            headers=recorded.headers,
        )
        async with app_client(BASE, retry=NO_RETRY) as client:
            with pytest.raises(kind) as caught:
                await client.workflows.get(RUN_ID)
    assert type(caught.value) is kind


async def test_a_record_with_empty_fields_is_not_found() -> None:
    with aioresponses() as server:
        server.get(f"{BASE}/workflows/run/{RUN_ID}", payload={"id": None, "status": None, "inputs": None})
        async with app_client(BASE, retry=NO_RETRY) as client:
            with pytest.raises(errors.NotFound):
                await client.workflows.get(RUN_ID)


async def test_requests_have_the_documented_shape() -> None:
    with aioresponses() as server:
        server.post(f"{BASE}/workflows/tasks/t/stop", payload={"result": "success"})
        server.get(re.compile(rf"{BASE}/workflows/logs.*"), payload={"data": [], "has_more": False})
        async with app_client(BASE, retry=NO_RETRY) as client:
            await client.workflows.stop("t")
            await client.workflows.logs(keyword="é").all()
        calls = {str(url): calls[0].kwargs for (_, url), calls in server.requests.items()}
    stop = calls[f"{BASE}/workflows/tasks/t/stop"]
    assert json.loads(stop["data"]) == {"user": "ada"}
    assert stop["headers"]["Content-Type"] == "application/json"
    assert str(stop["headers"]["Authorization"]) == f"Bearer {KEY}"
    assert stop["allow_redirects"] is False
    logs = calls[f"{BASE}/workflows/logs?keyword=%C3%A9&limit=20"]
    assert logs["data"] is None
    assert "Content-Type" not in logs["headers"]


@pytest.mark.parametrize(
    "failure",
    [
        answer(400, b'{"code": "x", "message": "you sent Authorization: Bearer %s"}' % KEY.encode(), "text/json"),
        answer(502, b"<html><title>GET with Bearer %s</title></html>" % KEY.encode(), "text/html"),
        answer(200, b"<html>you sent %s</html>" % KEY.encode(), "text/html"),
        answer(200, b'{"name": ["%s"]}' % KEY.encode(), "application/json"),
        {"exception": aiohttp.ClientOSError(104, "reset")},
        {"exception": aiohttp.ServerDisconnectedError()},
        {"exception": aiohttp.SocketTimeoutError()},
        {"exception": aiohttp.ClientPayloadError("cut")},
    ],
)  # fmt: skip
async def test_the_key_is_masked_in_errors_logs_and_tracebacks(
    failure: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    proxy = "http://user:hunter2@proxy.test:3128"
    with caplog.at_level(logging.DEBUG), aioresponses() as server:
        server.get(f"{BASE}/info", repeat=True, **failure)
        server.post(f"{BASE}/workflows/run", repeat=True, **failure)
        retry = Retry(attempts=2, base=0.01)
        client = AppClient(
            KEY, user="ada", base_url=BASE, retry=retry, proxy=proxy, headers={"X-Mine": "hunter2"}
        )
        async with client:
            texts = [repr(client), repr(client.workflows), repr(client.app)]
            for call in (client.app.info, lambda: client.workflows.run({"a": 1})):
                with pytest.raises(DifyError) as caught:
                    await call()
                error = caught.value
                texts += [str(error), repr(error), repr(error.__dict__), *traceback.format_exception(error)]
                texts += [repr(vars(cause)) for cause in (error.__cause__, error.__context__) if cause]
                texts += _locals_of_our_frames(error)
    texts += [record.getMessage() for record in caplog.records] + [caplog.text]
    for text in texts:
        for secret in (KEY, "SECRETsecret", "hunter2"):
            assert secret not in text


def _locals_of_our_frames(error: BaseException | None) -> list[str]:
    """Return the local variables of our frames that a traceback would show."""
    found: list[str] = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if Path(frame.f_code.co_filename).is_relative_to(PACKAGE):
                found += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        error = error.__context__
    assert found
    return found


async def test_an_error_response_leaks_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    event = {"event": "error", "status": 400, "code": "completion_request_error", "message": f"key {KEY} bad"}
    body = f"data: {json.dumps(event)}\n\n".encode()
    with caplog.at_level(logging.DEBUG), aioresponses() as server:
        server.post(f"{BASE}/workflows/run", body=body, headers={"Content-Type": "text/event-stream"})
        async with app_client(BASE, retry=NO_RETRY) as client:
            with pytest.raises(errors.CompletionRequestFailed) as caught:
                await client.workflows.run({})
    assert KEY not in str(caught.value) + repr(caught.value) + caught.value.message + caplog.text


@pytest.mark.parametrize("message", [5, None, "\ud800 lone", "", "ok", True])
@pytest.mark.parametrize(
    ("code", "kind"),
    [(None, errors.RunRejected), ("invalid_param", errors.InvalidParam), (7, errors.BadRequest)],
)
async def test_an_error_event_of_any_shape_ends_the_stream(
    message: object, code: object, kind: type[DifyError]
) -> None:
    body = f"data: {json.dumps({'event': 'error', 'status': 400, 'code': code, 'message': message})}\n\n"
    with aioresponses() as server:
        server.post(f"{BASE}/workflows/run", body=body, headers={"Content-Type": "text/event-stream"})
        async with app_client(BASE, retry=NO_RETRY) as client:
            with pytest.raises(kind) as caught:
                await client.workflows.run({})
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "data", ["[]", "null", "5", '"x"', '{"outputs": []}', '{"status": {}}', '{"error": []}']
)
async def test_a_malformed_terminal_event_is_reported_and_ends_the_stream(data: str) -> None:
    body = f'data: {{"event": "workflow_finished", "workflow_run_id": "r", "data": {data}}}\n\n'
    with aioresponses() as server:
        server.post(f"{BASE}/workflows/run", body=body, headers={"Content-Type": "text/event-stream"})
        async with app_client(BASE, retry=NO_RETRY) as client:
            with pytest.raises(errors.DecodeError, match="last event does not have the expected structure"):
                await client.workflows.run({})
