"""The exact request of each operation: method, path, query, headers and body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dify_async import AppClient, InputFile, Retry, WebAppClient, models
from dify_async._wire.operation import Operation
from dify_async.operations import web as web_operations
from tests.support import operations
from tests.support.requests import Case, answered, as_requested

APP = "https://dify.test/v1"
WEB = "https://dify.test/api"
PASSPORT = "eyJ.passport"
LOGIN = "eyJ.login"

OK = {"result": "success"}
PAGE = {"limit": 20, "has_more": False, "data": []}
MESSAGE = {"message_id": "m", "answer": "hi"}
FILE = {"id": "f", "name": "a.txt"}
RUN = {"workflow_run_id": "r", "task_id": "t", "data": {"id": "r", "workflow_id": "w", "status": "succeeded"}}
ENDED = json.dumps({"event": "workflow_finished", **RUN})
SAID = json.dumps(
    {"event": "message", "task_id": "t", "message_id": "m", "conversation_id": "c", "answer": "hi"}
)
OVER = json.dumps({"event": "message_end", "task_id": "t", "message_id": "m", "conversation_id": "c"})


async def _read(stream: Any) -> object:
    async with stream as run:
        return await run.result()


# Called on both APIs; only the Service API has `{&user}` in the path and the user in the body.
SHARED = [
    Case(
        operation=operations.RUN_WORKFLOW,
        call=lambda client: client.workflows.run({"a": 1}),
        path="/workflows/run",
        body={"inputs": {"a": 1}, "response_mode": "streaming"},
        answer=[ENDED],
        gives="succeeded",
    ),
    Case(
        operation=operations.STOP_WORKFLOW,
        call=lambda client: client.workflows.stop("t/1"),
        path="/workflows/tasks/t%2F1/stop",
        body={},
        answer=OK,
    ),
    Case(
        operation=operations.FOLLOW_RUN,
        call=lambda client: _read(client.workflows.attach("r")),
        path="/workflow/r/events?include_state_snapshot=true{&user}",
        answer=[ENDED],
        gives="succeeded",
    ),
    Case(
        operation=operations.SEND_CHAT_MESSAGE,
        call=lambda client: client.chat.send("Hi?", inputs={"a": 1}, conversation_id="c"),
        path="/chat-messages",
        body={"inputs": {"a": 1}, "query": "Hi?", "conversation_id": "c", "response_mode": "streaming"},
        answer=[SAID, OVER],
        gives="hi",
    ),
    Case(
        operation=operations.SEND_CHAT_MESSAGE,
        call=lambda client: client.chat.send("Hi?", response_mode="blocking"),
        path="/chat-messages",
        body={"inputs": {}, "query": "Hi?", "response_mode": "blocking"},
        answer=MESSAGE,
        gives="hi",
    ),
    Case(
        operation=operations.STOP_CHAT_MESSAGE,
        call=lambda client: client.chat.stop("t"),
        path="/chat-messages/t/stop",
        body={},
        answer=OK,
    ),
    Case(
        operation=operations.CREATE_COMPLETION,
        call=lambda client: client.completions.create({"topic": "tides"}, query="x"),
        path="/completion-messages",
        body={"inputs": {"topic": "tides"}, "query": "x", "response_mode": "streaming"},
        answer=[SAID, OVER],
        gives="hi",
    ),
    Case(
        operation=operations.CREATE_COMPLETION,
        call=lambda client: client.completions.create({}, response_mode="blocking"),
        path="/completion-messages",
        body={"inputs": {}, "response_mode": "blocking"},
        answer=MESSAGE,
        gives="hi",
    ),
    Case(
        operation=operations.STOP_COMPLETION,
        call=lambda client: client.completions.stop("t"),
        path="/completion-messages/t/stop",
        body={},
        answer=OK,
    ),
    Case(
        operation=operations.LIST_CONVERSATIONS,
        call=lambda client: client.conversations.list(sort_by="-created_at", limit=5).all(),
        path="/conversations?sort_by=-created_at&limit=5{&user}",
        answer=PAGE,
        gives=[],
    ),
    Case(
        operation=operations.DELETE_CONVERSATION,
        call=lambda client: client.conversations.delete("c"),
        path="/conversations/c",
        body={},
        answer=b"",
    ),
    Case(
        operation=operations.RENAME_CONVERSATION,
        call=lambda client: client.conversations.rename("c", "Lyon"),
        path="/conversations/c/name",
        body={"name": "Lyon"},
        answer={"id": "c", "name": "Lyon"},
        gives=models.Conversation(id="c", name="Lyon"),
    ),
    Case(
        operation=operations.RENAME_CONVERSATION,
        call=lambda client: client.conversations.rename("c", auto_generate=True),
        path="/conversations/c/name",
        body={"auto_generate": True},
        answer={"id": "c", "name": "Lyon"},
        gives=models.Conversation(id="c", name="Lyon"),
    ),
    Case(
        operation=operations.LIST_MESSAGES,
        call=lambda client: client.messages.list("c").all(),
        path="/messages?conversation_id=c&limit=20{&user}",
        answer=PAGE,
        gives=[],
    ),
    Case(
        operation=operations.SEND_FEEDBACK,
        call=lambda client: client.messages.feedback("m", "like", content="nice"),
        path="/messages/m/feedbacks",
        body={"rating": "like", "content": "nice"},
        answer=OK,
    ),
    Case(
        operation=operations.GET_APP_PARAMETERS,
        call=lambda client: client.app.parameters(),
        path="/parameters",
        answer={"opening_statement": "hi"},
        gives=models.AppParameters(opening_statement="hi"),
    ),
    Case(
        operation=operations.GET_APP_META,
        call=lambda client: client.app.meta(),
        path="/meta",
        answer={"tool_icons": {}},
        gives=models.AppMeta(),
    ),
    Case(
        operation=operations.UPLOAD_FILE,
        call=lambda client: client.files.upload(b"x", name="a.txt"),
        path="/files/upload",
        body={"file": ("a.txt", "text/plain")},
        answer=FILE,
        gives=models.UploadedFile(**FILE),
    ),
    Case(
        operation=operations.TRANSCRIBE,
        call=lambda client: client.audio.transcribe(b"x", name="a.mp3"),
        path="/audio-to-text",
        body={"file": ("a.mp3", "audio/mp3")},
        answer={"text": "good evening"},
        gives="good evening",
    ),
    Case(
        operation=operations.SPEAK,
        call=lambda client: client.audio.speak("Hi", voice="alloy"),
        path="/text-to-audio",
        body={"text": "Hi", "voice": "alloy"},
        answer=b"ID3",
        gives=b"ID3",
    ),
    Case(
        operation=operations.GET_FORM,
        call=lambda client: client.forms.get("tok"),
        path="/form/human_input/tok",
        answer={"form_content": "Sure?"},
        gives=models.HumanInputForm(form_content="Sure?"),
    ),
    Case(
        operation=operations.SUBMIT_FORM,
        call=lambda client: client.forms.submit("tok", {"comment": "ok"}, "approve"),
        path="/form/human_input/tok",
        body={"inputs": {"comment": "ok"}, "action": "approve"},
        answer={},
    ),
]

SERVICE_ONLY = [
    Case(
        operation=operations.RUN_WORKFLOW,
        call=lambda client: client.workflows.run({}, response_mode="blocking"),
        path="/workflows/run",
        body={"inputs": {}, "response_mode": "blocking"},
        answer=RUN,
        gives="succeeded",
    ),
    Case(
        operation=operations.RUN_WORKFLOW_VERSION,
        call=lambda client: client.workflows.run({}, workflow_id="w"),
        path="/workflows/w/run",
        body={"inputs": {}, "response_mode": "streaming"},
        answer=[ENDED],
        gives="succeeded",
    ),
    Case(
        operation=operations.GET_WORKFLOW_RUN,
        call=lambda client: client.workflows.get("r"),
        path="/workflows/run/r",
        answer={"id": "r", "status": "succeeded"},
        gives=models.WorkflowRun(id="r", status=models.RunStatus.SUCCEEDED),
    ),
    Case(
        operation=operations.LIST_WORKFLOW_LOGS,
        call=lambda client: client.workflows.logs(status="failed").all(),
        path="/workflows/logs?status=failed&limit=20",
        answer=PAGE,
        gives=[],
    ),
    Case(
        operation=operations.SEND_CHAT_MESSAGE,
        call=lambda client: client.chat.send("Hi?", auto_generate_name=False, workflow_id="w"),
        path="/chat-messages",
        body={
            "inputs": {},
            "query": "Hi?",
            "auto_generate_name": False,
            "workflow_id": "w",
            "response_mode": "streaming",
        },
        answer=[SAID, OVER],
        gives="hi",
    ),
    Case(
        operation=operations.LIST_CONVERSATION_VARIABLES,
        call=lambda client: client.conversations.variables("c", variable_name="n").all(),
        path="/conversations/c/variables?variable_name=n&limit=20{&user}",
        answer=PAGE,
        gives=[],
    ),
    Case(
        operation=operations.UPDATE_CONVERSATION_VARIABLE,
        call=lambda client: client.conversations.update_variable("c", "v", [1]),
        path="/conversations/c/variables/v",
        body={"value": [1]},
        answer={"id": "v"},
        gives=models.ConversationVariable(id="v"),
    ),
    Case(
        operation=operations.SUGGEST_QUESTIONS,
        call=lambda client: client.messages.suggested("m"),
        path="/messages/m/suggested{?user}",
        answer={"result": "success", "data": ["And tomorrow?"]},
        gives=["And tomorrow?"],
    ),
    Case(
        operation=operations.GET_APP_INFO,
        call=lambda client: client.app.info(),
        path="/info",
        answer={"name": "App"},
        gives=models.AppInfo(name="App"),
    ),
    Case(
        operation=operations.GET_APP_SITE,
        call=lambda client: client.app.site(),
        path="/site",
        answer={"title": "App"},
        gives=models.AppSite(title="App"),
    ),
    Case(
        operation=operations.LIST_APP_FEEDBACKS,
        call=lambda client: client.app.feedbacks().all(),
        path="/app/feedbacks?limit=20",
        answer={"data": []},
        gives=[],
    ),
    Case(
        operation=operations.LIST_ANNOTATIONS,
        call=lambda client: client.annotations.list(keyword="k").all(),
        path="/apps/annotations?keyword=k&limit=20",
        answer={"data": [{"id": "n"}], "has_more": False, "limit": 20, "total": 1, "page": 1},
        gives=[models.Annotation(id="n")],
    ),
    Case(
        operation=operations.CREATE_ANNOTATION,
        call=lambda client: client.annotations.create("Why?", "So."),
        path="/apps/annotations",
        body={"question": "Why?", "answer": "So."},
        answer={"id": "n"},
        gives=models.Annotation(id="n"),
    ),
    Case(
        operation=operations.UPDATE_ANNOTATION,
        call=lambda client: client.annotations.update("n", "Why?", "So."),
        path="/apps/annotations/n",
        body={"question": "Why?", "answer": "So."},
        answer={"id": "n"},
        gives=models.Annotation(id="n"),
    ),
    Case(
        operation=operations.DELETE_ANNOTATION,
        call=lambda client: client.annotations.delete("n"),
        path="/apps/annotations/n",
        answer=b"",
    ),
    Case(
        operation=operations.SWITCH_ANNOTATION_REPLY,
        call=lambda client: client.annotations.switch_reply(
            "enable", score_threshold=0.9, embedding_provider_name="p", embedding_model_name="m"
        ),
        path="/apps/annotation-reply/enable",
        body={"score_threshold": 0.9, "embedding_provider_name": "p", "embedding_model_name": "m"},
        answer={"job_id": "j", "job_status": "waiting"},
        gives=models.AnnotationJob(action="enable", job_id="j", job_status="waiting"),
    ),
    Case(
        operation=operations.GET_ANNOTATION_JOB,
        call=lambda client: client.annotations.job(models.AnnotationJob(action="enable", job_id="j")),
        path="/apps/annotation-reply/enable/status/j",
        answer={"job_id": "j", "job_status": "completed", "error_msg": ""},
        gives=models.AnnotationJob(action="enable", job_id="j", job_status="completed"),
    ),
    Case(
        operation=operations.GET_END_USER,
        call=lambda client: client.end_users.get("u"),
        path="/end-users/u",
        answer={"id": "u", "session_id": "ada"},
        gives=models.EndUserDetail(id="u", session_id="ada"),
    ),
    Case(
        operation=operations.PREVIEW_FILE,
        call=lambda client: client.files.preview("f"),
        path="/files/f/preview{?user}",
        answer=b"x",
        gives=b"x",
    ),
]

WEB_ONLY = [
    Case(
        operation=web_operations.GET_PASSPORT,
        call=lambda client: client.auth.passport(),
        path="/passport?user_id=ada",
        answer={"access_token": "eyJ.new"},
        gives="eyJ.new",
    ),
    Case(
        operation=web_operations.LOGIN,
        call=lambda client: client.auth.login("ada@example.org", "summer2026"),
        path="/login",
        body={"email": "ada@example.org", "password": "c3VtbWVyMjAyNg=="},
        answer={"result": "success", "data": {"access_token": "eyJ.new"}},
        gives=models.Login(result="success", data=models.Token(access_token="eyJ.new")),
    ),
    Case(
        operation=web_operations.GET_LOGIN_STATUS,
        call=lambda client: client.auth.status(user_id="ada"),
        path="/login/status?app_code=c0de&user_id=ada",
        answer={"logged_in": True, "app_logged_in": False},
        gives=models.LoginStatus(logged_in=True),
    ),
    Case(
        operation=web_operations.LOGOUT, call=lambda client: client.auth.logout(), path="/logout", answer=OK
    ),
    Case(
        operation=web_operations.SEND_LOGIN_CODE,
        call=lambda client: client.auth.send_login_code("ada@example.org", language="zh-Hans"),
        path="/email-code-login",
        body={"email": "ada@example.org", "language": "zh-Hans"},
        answer={"result": "success", "data": "T1"},
        gives=models.EmailCodeSent(result="success", data="T1"),
    ),
    Case(
        operation=web_operations.LOGIN_WITH_CODE,
        call=lambda client: client.auth.login_with_code("ada@example.org", "401837", "T1"),
        path="/email-code-login/validity",
        body={"email": "ada@example.org", "code": "NDAxODM3", "token": "T1"},
        answer={"result": "success", "data": {"access_token": "eyJ.new"}},
        gives=models.Login(result="success", data=models.Token(access_token="eyJ.new")),
    ),
    Case(
        operation=web_operations.SEND_PASSWORD_RESET,
        call=lambda client: client.auth.send_password_reset("ada@example.org"),
        path="/forgot-password",
        body={"email": "ada@example.org"},
        answer={"result": "success", "data": "T1"},
        gives=models.EmailCodeSent(result="success", data="T1"),
    ),
    Case(
        operation=web_operations.CHECK_PASSWORD_RESET,
        call=lambda client: client.auth.check_password_reset("ada@example.org", "401837", "T1"),
        path="/forgot-password/validity",
        body={"email": "ada@example.org", "code": "401837", "token": "T1"},
        answer={"is_valid": True, "email": "ada@example.org", "token": "T2"},
        gives=models.ResetCheck(is_valid=True, email="ada@example.org", token="T2"),
    ),
    Case(
        operation=web_operations.RESET_PASSWORD,
        call=lambda client: client.auth.reset_password("T2", "winter2027"),
        path="/forgot-password/resets",
        body={"token": "T2", "new_password": "winter2027", "password_confirm": "winter2027"},
        answer=OK,
    ),
    Case(
        operation=web_operations.GET_ACCESS_MODE,
        call=lambda client: client.app.access_mode(),
        path="/webapp/access-mode?appCode=c0de",
        answer={"accessMode": "private"},
        gives=models.AccessMode(access_mode=models.AppAccess.PRIVATE),
    ),
    Case(
        operation=web_operations.GET_PERMISSION,
        call=lambda client: client.app.permission("a"),
        path="/webapp/permission?appId=a",
        answer={"result": True},
        gives=True,
    ),
    Case(
        operation=web_operations.GET_SYSTEM_FEATURES,
        call=lambda client: client.system.features(),
        path="/system-features",
        answer={"is_email_setup": True},
        gives=models.SystemFeatures(is_email_setup=True),
    ),
    Case(
        operation=operations.SEND_CHAT_MESSAGE,
        call=lambda client: client.chat.send("And?", conversation_id="c", parent_message_id="m"),
        path="/chat-messages",
        body={
            "inputs": {},
            "query": "And?",
            "conversation_id": "c",
            "parent_message_id": "m",
            "response_mode": "streaming",
        },
        answer=[SAID, OVER],
        gives="hi",
    ),
    Case(
        operation=operations.LIST_CONVERSATIONS,
        call=lambda client: client.conversations.list(pinned=True).all(),
        path="/conversations?pinned=true&limit=20",
        answer=PAGE,
        gives=[],
    ),
    Case(
        operation=web_operations.PIN_CONVERSATION,
        call=lambda client: client.conversations.pin("c"),
        path="/conversations/c/pin",
        answer=OK,
    ),
    Case(
        operation=web_operations.UNPIN_CONVERSATION,
        call=lambda client: client.conversations.unpin("c"),
        path="/conversations/c/unpin",
        answer=OK,
    ),
    Case(
        operation=web_operations.SUGGEST_WEB_QUESTIONS,
        call=lambda client: client.messages.suggested("m"),
        path="/messages/m/suggested-questions",
        answer={"data": ["And tomorrow?"]},
        gives=["And tomorrow?"],
    ),
    Case(
        operation=web_operations.MORE_LIKE_THIS,
        call=lambda client: client.messages.more_like_this("m"),
        path="/messages/m/more-like-this?response_mode=blocking",
        answer=MESSAGE,
        gives="hi",
    ),
    Case(
        operation=web_operations.LIST_SAVED_MESSAGES,
        call=lambda client: client.saved_messages.list(limit=3).all(),
        path="/saved-messages?limit=3",
        answer=PAGE,
        gives=[],
    ),
    Case(
        operation=web_operations.SAVE_MESSAGE,
        call=lambda client: client.saved_messages.save("m"),
        path="/saved-messages",
        body={"message_id": "m"},
        answer=OK,
    ),
    Case(
        operation=web_operations.DELETE_SAVED_MESSAGE,
        call=lambda client: client.saved_messages.delete("m"),
        path="/saved-messages/m",
        answer=b"",
    ),
    Case(
        operation=web_operations.GET_REMOTE_FILE,
        call=lambda client: client.remote_files.info("https://example.org/a b.pdf?v=2"),
        path="/remote-files/https%3A%2F%2Fexample.org%2Fa%20b.pdf%3Fv%3D2",
        answer={"file_type": "application/pdf", "file_length": 48213},
        gives=models.RemoteFileInfo(file_type="application/pdf", file_length=48213),
    ),
    Case(
        operation=web_operations.UPLOAD_REMOTE_FILE,
        call=lambda client: client.remote_files.upload("https://example.org/a.pdf"),
        path="/remote-files/upload",
        body={"url": "https://example.org/a.pdf"},
        answer={"id": "f"},
        gives=models.RemoteFile(id="f"),
    ),
    Case(
        operation=web_operations.CREATE_FORM_UPLOAD_TOKEN,
        call=lambda client: client.forms.upload_token("tok"),
        path="/form/human_input/tok/upload-token",
        answer={"upload_token": "hitl_upload_x"},
        gives=models.UploadToken(upload_token="hitl_upload_x"),
    ),
    Case(
        operation=web_operations.UPLOAD_FORM_FILE,
        call=lambda client: client.forms.upload(InputFile(b"x", name="a.txt"), "hitl_upload_x"),
        path="/human-input-forms/files",
        body={"file": ("a.txt", "text/plain")},
        answer=FILE,
        gives=models.UploadedFile(**FILE),
    ),
    Case(
        operation=web_operations.UPLOAD_FORM_FILE,
        call=lambda client: client.forms.upload(InputFile.url("https://example.org/a.pdf"), "hitl_upload_x"),
        path="/human-input-forms/files",
        body={"url": "https://example.org/a.pdf"},
        answer=FILE,
        gives=models.UploadedFile(**FILE),
    ),
    Case(
        operation=web_operations.GET_WEB_SITE,
        call=lambda client: client.app.site(),
        path="/site",
        answer={"app_id": "a"},
        gives=models.WebSite(app_id="a"),
    ),
]

CASES = [
    *(("service", case) for case in [*SHARED, *SERVICE_ONLY]),
    *(("web", case) for case in [*SHARED, *WEB_ONLY]),
]


@pytest.mark.parametrize(
    ("api", "case"), CASES, ids=[f"{api}-{case.operation.method} {case.path}" for api, case in CASES]
)
async def test_the_request_has_the_documented_shape(api: str, case: Case) -> None:
    operation = case.operation
    is_service = api == "service"
    base = APP if is_service else WEB
    path = case.path.replace("{&user}", "&user=ada" if is_service else "")
    path = path.replace("{?user}", "?user=ada" if is_service else "")
    retry = Retry(attempts=1)
    client: Any = AppClient("app-x", user="ada", base_url=APP, retry=retry)
    if not is_service:
        client = WebAppClient(
            "c0de", user="ada", base_url=WEB, passport=PASSPORT, login_token=LOGIN, retry=retry
        )
    sent = await answered(client, case)
    assert (sent.method, sent.url) == (operation.method, as_requested(base + path))
    assert credentials(sent.headers) == expected_credentials(is_service, operation)
    assert sent.body == expected_body(is_service, case)
    given = sent.given
    given = (
        getattr(given, "answer", getattr(given, "status", given)) if isinstance(case.gives, str) else given
    )
    assert given == case.gives


def credentials(headers: dict[str, str]) -> dict[str, str]:
    names = ("Authorization", "X-App-Code", "X-App-Passport")
    return {name: str(headers[name]) for name in names if name in headers}


def expected_credentials(is_service: bool, operation: Operation[Any]) -> dict[str, str]:
    if is_service:
        return {"Authorization": "Bearer app-x"}
    if operation is web_operations.UPLOAD_FORM_FILE:
        return {"Authorization": "Bearer hitl_upload_x"}
    code, passport = {"X-App-Code": "c0de"}, {"X-App-Passport": PASSPORT}
    return {
        "none": {},
        "code": {"Authorization": f"Bearer {LOGIN}", **code},
        "login": {"Authorization": f"Bearer {LOGIN}", **code, **passport},
        "own": {"Authorization": f"Bearer {PASSPORT}", **code, **passport},
    }[operation.credentials]


def expected_body(is_service: bool, case: Case) -> Any:
    user = {"user": "ada"} if is_service and case.operation.user in {"body", "form"} else {}
    if case.body is None and not user:
        return None
    if not is_service and not case.body:
        return None  # In the Service API, the body has only the user.
    body = {**(case.body or {}), **user}
    if not is_service and case.operation is operations.RUN_WORKFLOW:
        del body["response_mode"]  # The Web API only streams.
    return body


def test_every_operation_is_tested() -> None:
    cases = {id(case.operation) for _, case in CASES}
    both = {**vars(operations), **vars(web_operations)}
    missing = [
        name for name, value in both.items() if isinstance(value, Operation) and id(value) not in cases
    ]
    assert missing == ["SERVER_INFO", "DOWNLOAD_FILE"], "one belongs to `probe`, one has no path of its own"
