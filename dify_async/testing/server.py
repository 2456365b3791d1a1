"""The HTTP side of a FakeDify: routes, checks and streams, as Dify 1.14 has them.

Refusals have the bodies that a real server sends (recordings: `err_*`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from dify_async._types import Json
from dify_async.models import FileType
from dify_async.models._base import as_list, as_object
from dify_async.testing.answers import (
    described,
    is_stored,
    log_entry,
    replayed,
    uploaded,
    validation,
    written,
)
from dify_async.testing.inputs import InputRefused, Inputs, StoredFile, signed
from dify_async.testing.runs import ENDS, EventJson, FakeRun
from dify_async.testing.script import Cut, Delay, Drop, Fault, Refuse, Silence

if TYPE_CHECKING:
    from dify_async.testing.fake import FakeDify

_fault: Final[ContextVar[Fault | None]] = ContextVar("fault")
"""What the request that is being answered is to meet."""

PING: Final = b"event: ping\n\n"

_MEBIBYTES: Final = {"image": 10, "video": 100, "audio": 50}
"""The limits of a stock server by kind of file; for all others it is 15."""

_PAGE_404: Final = """<!doctype html>
<html lang=en>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server. If you entered the URL manually please check your \
spelling and try again.</p>
"""
_UNREADABLE: Final = "The browser (or proxy) sent a request that this server could not understand."
_NO_JSON: Final = (
    "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
)
_WRONG_MODE: Final = "Please check if your app mode matches the right API route."


class Refused(Exception):
    """The request is answered with Dify's JSON for an error."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "status": status}
        self.headers = headers


class Server:
    """The routes of one FakeDify."""

    def __init__(self, fake: FakeDify) -> None:
        self._fake = fake
        self._workers: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(fake.connections)

    def app(self) -> web.Application:
        """Make the application that serves them."""
        app = web.Application(middlewares=[self._around], client_max_size=200 * 2**20)
        app.add_routes(
            [
                web.get("/v1/", self._index),
                web.get("/v1/info", self._info),
                web.get("/v1/parameters", self._parameters),
                web.get("/v1/meta", self._meta),
                web.get("/v1/site", self._site),
                web.post("/v1/workflows/run", self._run),
                web.post("/v1/workflows/{workflow_id}/run", self._run),
                web.post("/v1/workflows/tasks/{task_id}/stop", self._stop),
                web.get("/v1/workflows/run/{run_id}", self._run_detail),
                web.get("/v1/workflows/logs", self._logs),
                web.get("/v1/workflow/{run_id}/events", self._events),
                web.post("/v1/files/upload", self._upload),
                web.get("/v1/files/{file_id}/preview", self._preview),
            ]
        )
        return app

    @web.middleware
    async def _around(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Note the request, meet the faults, check the key, and answer refusals as Dify does."""
        # A form may be large, and its handler keeps what it needs of it.
        body = b"" if request.content_type.startswith("multipart/") else await request.read()
        self._fake.note(request.method, request.path_qs, dict(request.headers), body)
        fault = self._fake.next_fault(request.method, request.path)
        async with self._places:
            try:
                if isinstance(fault, Delay):
                    await asyncio.sleep(fault.seconds)
                if isinstance(fault, Refuse):
                    return self._refuse(fault)
                if isinstance(fault, Drop) and not fault.after_start:
                    return self._hang_up(request)
                if request.path != "/v1/":
                    self._check_key(request)
                _fault.set(fault)
                return await handler(request)
            except Refused as refused:
                return self._json(refused.body, refused.status, refused.headers)
            except web.HTTPNotFound:
                return web.Response(status=404, text=_PAGE_404, content_type="text/html")
            except web.HTTPMethodNotAllowed:
                message = "The method is not allowed for the requested URL."
                return self._json({"code": "method_not_allowed", "message": message, "status": 405}, 405)
            except ConnectionError:
                return web.Response()  # The client has gone; there is nobody to answer.

    def _hang_up(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _json(self, body: Json, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        return web.Response(
            text=json.dumps(body) + "\n",
            status=status,
            content_type="application/json",
            headers={**self._headers(), **(headers or {})},
        )

    def _headers(self) -> dict[str, str]:
        return {"X-Version": self._fake.version, "X-Env": "PRODUCTION"}

    def _refuse(self, fault: Refuse) -> web.Response:
        if fault.body is not None:
            return web.Response(
                body=fault.body, status=fault.status, content_type=fault.content_type, headers=fault.headers
            )
        body = {"code": fault.code, "message": fault.message, "status": fault.status}
        return self._json(body, fault.status, dict(fault.headers))

    # Checks

    def _check_key(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        challenge = {"WWW-Authenticate": 'Bearer realm="api"'}
        if not scheme or not key:
            message = "Authorization header must be provided and start with 'Bearer'"
            raise Refused(401, "unauthorized", message, challenge)
        if scheme.lower() != "bearer":
            raise Refused(401, "unauthorized", "Authorization scheme must be 'Bearer'", challenge)
        if key != self._fake.api_key:
            raise Refused(401, "unauthorized", "Access token is invalid", challenge)
        if not self._fake.api_enabled:
            raise Refused(403, "forbidden", "The app's API service has been disabled.")

    async def _body(self, request: web.Request) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise Refused(415, "unsupported_media_type", _NO_JSON)
        try:
            body = as_object(json.loads(await request.read()))
        except ValueError:
            raise Refused(400, "bad_request", _UNREADABLE) from None
        if body is None:
            raise Refused(500, "unknown", "Internal Server Error")
        return body

    def _user(self, fields: Any) -> str:
        user = fields.get("user")
        if user in (None, ""):
            raise Refused(400, "invalid_param", "Arg user must be provided.")
        return str(user)

    def _check_mode(self, *modes: str) -> None:
        if self._fake.mode not in modes:
            raise Refused(400, "not_workflow_app", _WRONG_MODE)

    def _check_run_body(self, body: dict[str, Any]) -> None:
        if body.get("response_mode") not in (None, "blocking", "streaming"):
            problem = "Input should be 'blocking' or 'streaming' [type=literal_error]"
            raise Refused(400, "invalid_param", validation("WorkflowRunPayload", "response_mode", problem))
        if "inputs" not in body:
            problem = "Field required [type=missing]"
            raise Refused(400, "invalid_param", validation("WorkflowRunPayload", "inputs", problem))
        if not isinstance(body["inputs"], dict):
            problem = "Input should be a valid dictionary [type=dict_type]"
            raise Refused(400, "invalid_param", validation("WorkflowRunPayload", "inputs", problem))
        if not self._fake.published:
            raise Refused(400, "invalid_param", "Workflow not published")

    def _check_version(self, workflow_id: str) -> None:
        try:
            uuid.UUID(workflow_id)
        except ValueError:
            message = f"Invalid workflow_id format: '{workflow_id}'. "
            raise Refused(400, "bad_request", message) from None
        if workflow_id not in self._fake.versions:
            raise Refused(404, "not_found", f"Workflow not found with id: {workflow_id}")

    # Runs

    async def _run(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        user = self._user(body)
        self._check_mode("workflow")
        if "workflow_id" in request.match_info:
            self._check_version(request.match_info["workflow_id"])
        self._check_run_body(body)
        limit = self._fake.max_active_requests
        if limit is not None and sum(not run.over for run in self._fake.runs.values()) >= limit:
            message = (
                "Too many requests. Please try again later. The current maximum concurrent requests "
                f"allowed for {self._fake.app_id} is {limit}."
            )
            raise Refused(400, "invalid_param", message)
        streaming = body.get("response_mode") == "streaming"
        taken, problem = self._taken(body, user)
        if problem is not None and not streaming:
            raise Refused(400, "invalid_param", problem)
        run = self._fake.new_run(taken, user)
        queue = run.listen()
        worker = asyncio.create_task(run.play(problem))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)
        if isinstance(_fault.get(), Drop):
            return self._hang_up(request)
        if not streaming:
            await worker
            return self._blocking_answer(run)
        return await self._stream(request, self._live(queue), first=[PING])

    def _taken(self, body: dict[str, Any], user: str) -> tuple[dict[str, Json], str | None]:
        """Give the inputs as the run has them, and what is wrong with them."""
        fake = self._fake
        inputs = Inputs(fake.workflow.form, fake.files, user, fake.base_url)
        try:
            files = [inputs.file(file) for file in as_list(body.get("files")) or []]
            taken = inputs.taken(body["inputs"])
        except InputRefused as refused:
            return body["inputs"], str(refused)
        return ({**taken, "sys.files": files} if files else taken), None

    def _blocking_answer(self, run: FakeRun) -> web.Response:
        data = run.finished()
        for key in ("created_by", "exceptions_count", "files"):
            del data[key]
        if run.status == "paused":
            paused = run.events[-1]["data"]
            data |= {"paused_nodes": paused["paused_nodes"], "reasons": paused["reasons"]}
        answer = {"task_id": run.task_id, "workflow_run_id": run.id, "data": data}
        return web.Response(text=json.dumps(answer), content_type="application/json", headers=self._headers())

    async def _live(
        self, queue: asyncio.Queue[EventJson], *, through_pauses: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """Give events as they come, pings in between, and what comes after the last: nothing, for a while."""
        fake = self._fake
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), fake.ping_every)
            except TimeoutError:
                yield PING
                continue
            yield written(event)
            name = event["event"]
            if name == "error":
                await asyncio.sleep(fake.silence)
                return
            if name in ENDS and not (through_pauses and name == "workflow_paused"):
                await asyncio.sleep(fake.tail)
                return

    async def _stream(
        self, request: web.Request, events: AsyncGenerator[bytes, None], first: list[bytes]
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={**self._headers(), "Content-Type": "text/event-stream; charset=utf-8"}
        )
        response.enable_chunked_encoding()
        await response.prepare(request)
        pipe = _Pipe(request, response, _fault.get())
        async with contextlib.aclosing(events):
            for line in first:
                await pipe.write(line)
            async for line in events:
                await pipe.write(line)
                if pipe.ended:
                    return response
        await response.write_eof()
        return response

    async def _stop(self, request: web.Request) -> web.Response:
        self._user(await self._body(request))
        self._check_mode("workflow")
        for run in self._fake.runs.values():
            if run.task_id == request.match_info["task_id"]:
                run.stop()
        return self._json({"result": "success"})

    async def _run_detail(self, request: web.Request) -> web.Response:
        self._check_mode("workflow", "advanced-chat")
        run_id = request.match_info["run_id"]
        try:
            uuid.UUID(run_id)
        except ValueError:
            raise Refused(500, "unknown", "Internal Server Error") from None
        run = self._fake.runs.get(run_id)
        if run is None:
            raise Refused(404, "not_found", "Workflow run not found.")
        detail = run.finished()
        for key in ("created_by", "exceptions_count", "files"):
            del detail[key]
        inputs = {**run.inputs, "sys.user_id": run.user, "sys.workflow_run_id": run.id}
        error = "Aborted: User requested stop" if run.status == "stopped" else run.error
        return self._json({**detail, "inputs": json.dumps(inputs), "error": error})

    async def _logs(self, request: web.Request) -> web.Response:
        query = request.query
        page, limit = _whole(query, "page", 1, 99999, 1), _whole(query, "limit", 1, 100, 20)
        status = query.get("status")
        if status not in (None, "succeeded", "failed", "stopped"):
            problem = "Input should be 'succeeded', 'failed' or 'stopped' [type=literal_error]"
            raise Refused(400, "invalid_param", validation("WorkflowLogQuery", "status", problem))
        bounds = [_date(query.get(f"created_at__{side}")) for side in ("after", "before")]
        runs = [
            run
            for run in reversed(self._fake.runs.values())
            if run.over
            and status in (None, run.status)
            and query.get("created_by_end_user_session_id") in (None, run.user)
            and query.get("keyword", "") in json.dumps([run.inputs, run.outputs], ensure_ascii=False)
            and (bounds[0] is None or run.created_at >= bounds[0])
            and (bounds[1] is None or run.created_at <= bounds[1])
        ]
        shown = runs[(page - 1) * limit : page * limit]
        return self._json(
            {
                "page": page,
                "limit": limit,
                "total": len(runs),
                "has_more": page * limit < len(runs),
                "data": [log_entry(run) for run in shown],
            }
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        user = self._user(request.query)
        self._check_mode("workflow", "advanced-chat")
        run = self._fake.runs.get(request.match_info["run_id"])
        if run is None or run.user != user:
            raise Refused(404, "not_found", "Workflow run not found")
        snapshot = request.query.get("include_state_snapshot", "").lower() == "true"
        through_pauses = request.query.get("continue_on_pause", "").lower() == "true"
        if run.over and run.status != "paused":
            # Written by another serialiser than the live events (recording: `human_events_after_finish`).
            last = {"event": "workflow_finished", "task_id": run.id, "workflow_run_id": run.id}
            text = json.dumps({**last, "data": run.finished()})
            return await self._stream(request, _nothing(), first=[f"data: {text}\n\n".encode()])
        queue = run.listen()
        first = [PING, *(replayed(run, event) for event in run.events if is_stored(event))]
        if run.status == "paused" and snapshot and not through_pauses:
            return await self._stream(request, _nothing(), first=first)
        events = self._live(queue, through_pauses=through_pauses)
        return await self._stream(request, events, first=first if snapshot else [PING])

    # Files

    async def _upload(self, request: web.Request) -> web.Response:
        if not request.content_type.startswith("multipart/"):
            raise Refused(400, "no_file_uploaded", "Please upload your file.")
        files: list[tuple[str, str, str | None, bytes]] = []
        fields: dict[str, str] = {}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.filename is None:
                fields[part.name or ""] = await part.text()
            else:
                content = await _read_up_to(part, self._size_limit(part.filename) + 1)
                files.append((part.name or "", part.filename, part.headers.get("Content-Type"), content))
        if not any(field == "file" for field, *_ in files):
            raise Refused(400, "no_file_uploaded", "Please upload your file.")
        if len({field for field, *_ in files}) > 1:
            raise Refused(400, "too_many_files", "Only one file is allowed.")
        _, name, mime_type, content = files[0]
        if not name:
            raise Refused(400, "filename_not_exists_error", "The specified filename does not exist.")
        if not mime_type:
            raise Refused(415, "unsupported_file_type", "File type not allowed.")
        if {"/", "\\"} & set(name):
            raise Refused(400, "invalid_param", "Filename contains invalid characters")
        if len(content) > self._size_limit(name):
            raise Refused(413, "file_too_large", "")
        user = fields.get("user") or "DEFAULT-USER"
        file = StoredFile(str(uuid.uuid4()), name, mime_type, content, user, self._fake.app_id)
        self._fake.files[file.id] = file
        created_by = str(uuid.uuid5(uuid.NAMESPACE_URL, user))
        return self._json(uploaded(file, created_by, signed(self._fake.base_url, file.id)), 201)

    def _size_limit(self, name: str) -> int:
        kind = str(FileType.of_file(name, ""))
        return _MEBIBYTES.get(kind, 15) * 2**20

    async def _preview(self, request: web.Request) -> web.Response:
        file_id = request.match_info["file_id"]
        try:
            uuid.UUID(file_id)
        except ValueError:
            raise web.HTTPNotFound from None
        file = self._fake.files.get(file_id)
        if file is None or not file.in_message:
            raise Refused(404, "file_not_found", "File not found in message context")
        if file.app_id != self._fake.app_id:
            raise Refused(403, "file_access_denied", "File access denied: not owned by requesting app")
        headers = {**self._headers(), "Cache-Control": "public, max-age=3600"}
        mime_type = file.mime_type
        if request.query.get("as_attachment", "").lower() == "true":
            mime_type = "application/octet-stream"
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name)}"
        return web.Response(body=file.content, headers={**headers, "Content-Type": mime_type})

    # The app

    async def _index(self, _: web.Request) -> web.Response:
        index = {"welcome": "Dify OpenAPI", "api_version": "v1", "server_version": self._fake.version}
        return self._json(index)

    async def _info(self, _: web.Request) -> web.Response:
        return self._json(
            {
                "name": self._fake.name,
                "description": "",
                "tags": [],
                "mode": self._fake.mode,
                "author_name": "dify_async",
            }
        )

    async def _meta(self, _: web.Request) -> web.Response:
        return self._json({"tool_icons": {}})

    async def _site(self, _: web.Request) -> web.Response:
        return self._json(
            {
                "title": self._fake.name,
                "chat_color_theme": None,
                "chat_color_theme_inverted": False,
                "icon_type": "emoji",
                "icon": "\N{ROBOT FACE}",
                "icon_background": "#FFEAD5",
                "description": None,
                "copyright": None,
                "privacy_policy": None,
                "custom_disclaimer": "",
                "default_language": "en-US",
                "show_workflow_steps": True,
                "use_icon_as_answer_icon": False,
                "icon_url": None,
            }
        )

    async def _parameters(self, _: web.Request) -> web.Response:
        if not self._fake.published:
            message = "App unavailable, please check your app configurations."
            raise Refused(400, "app_unavailable", message)
        off = {"enabled": False}
        return self._json(
            {
                "opening_statement": None,
                "suggested_questions": [],
                "suggested_questions_after_answer": off,
                "speech_to_text": off,
                "text_to_speech": {**off, "voice": "", "language": "", "autoPlay": "disabled"},
                "retriever_resource": off,
                "annotation_reply": off,
                "more_like_this": off,
                "user_input_form": [{field.kind: described(field)} for field in self._fake.workflow.form],
                "sensitive_word_avoidance": off,
                "file_upload": {
                    "enabled": False,
                    "allowed_file_types": [],
                    "allowed_file_extensions": [],
                    "allowed_file_upload_methods": ["local_file", "remote_url"],
                    "number_limits": 3,
                },
                "system_parameters": {
                    "image_file_size_limit": 10,
                    "video_file_size_limit": 100,
                    "audio_file_size_limit": 50,
                    "file_size_limit": 15,
                    "workflow_file_upload_limit": 10,
                },
            }
        )


class _Pipe:
    """Writes a stream to its client, up to the fault that it is to meet."""

    def __init__(self, request: web.Request, response: web.StreamResponse, fault: Fault | None) -> None:
        self._request = request
        self._response = response
        self._fault = fault
        self._bytes = 0
        self._events = 0
        self.ended = False

    async def write(self, line: bytes) -> None:
        fault = self._fault
        if isinstance(fault, Silence) and self._events >= fault.after_events:
            await asyncio.Event().wait()
        if isinstance(fault, Cut):
            if fault.at_byte is not None and self._bytes + len(line) > fault.at_byte:
                await self._send(line[: fault.at_byte - self._bytes])
                await self._cut(fault)
                return
            if fault.after_events is not None and line != PING and self._events >= fault.after_events:
                await self._cut(fault)
                return
        await self._send(line)
        self._events += line != PING

    async def _send(self, data: bytes) -> None:
        self._bytes += len(data)
        if data:
            await self._response.write(data)

    async def _cut(self, fault: Cut) -> None:
        self.ended = True
        transport = self._request.transport
        if fault.how == "end" or transport is None:
            await self._response.write_eof()
            return
        sock = transport.get_extra_info("socket")
        if fault.how == "reset" and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


async def _read_up_to(part: BodyPartReader, limit: int) -> bytes:
    """Read all of a part, and keep its beginning."""
    kept = bytearray()
    while chunk := await part.read_chunk(2**16):
        kept += chunk[: max(0, limit - len(kept))]
    return bytes(kept)


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""


def _whole(query: Any, name: str, low: int, high: int, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        problem = f"Input should be from {low} to {high} [input_value={text!r}]"
        raise Refused(400, "invalid_param", validation("WorkflowLogQuery", name, problem))
    return int(text)


def _date(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        message = f"invalid literal for int() with base 10: {text[:4].encode()!r}"
        raise Refused(400, "invalid_param", message) from None
