"""FakeDify: a Dify server in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import string
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Final, Self

import attrs
from aiohttp import web

from dify_async._types import Json
from dify_async.errors import DifyError
from dify_async.testing.generations import FakeGeneration
from dify_async.testing.inputs import StoredFile
from dify_async.testing.records import (
    Annotation,
    Challenge,
    Conversation,
    FakeForm,
    Feedback,
    Login,
    Message,
    Passport,
    new_id,
)
from dify_async.testing.runs import FakeRun, FakeTask
from dify_async.testing.script import Answering, App, Fault, Workflow
from dify_async.testing.server import Server

_log: Final = logging.getLogger("dify_async.testing")
_log.addHandler(logging.NullHandler())  # Clients that break off are what it is for.


@attrs.frozen
class SeenRequest:
    """A request that the server received."""

    method: str
    path: str
    """With its query."""
    headers: dict[str, str] = attrs.field(repr=False)
    body: bytes


class FakeDify:
    """A real HTTP server on this machine that answers as Dify does, for tests and demos.

    ```python
    with FakeDify(Workflow(outputs={"answer": "42"})) as dify:
        client = AppClient(dify.api_key, user="ada", base_url=dify.base_url)
    ```

    It plays the Service API and the Web API of one app. It streams with pings, keeps connections open as
    Dify does, refuses what Dify refuses in its words, and counts what happens. It runs in a thread of its
    own, so that nothing in the test's event loop can hold it up; its attributes may be changed at any time.

    Args:
        app: What it serves: a `Workflow`, which may be a chatflow, a `Chat` or a `Completion`.
        ping_every: Seconds of silence between pings; 10 on a real server.
        tail: Seconds that a stream stays open after its last event; 1 on a real server.
        silence: Seconds that a stream stays open after an error, without pings; 300 on a real server.
        connections: Requests that are served at once, others wait; 10 on a stock server.
        max_active_requests: The app's limit on runs at once; further ones are refused. None for no limit.
    """

    def __init__(
        self,
        app: App | None = None,
        *,
        ping_every: float = 10.0,
        tail: float = 1.0,
        silence: float = 300.0,
        connections: int = 10_000,
        max_active_requests: int | None = None,
    ) -> None:
        self.app: App = app or Workflow()
        self.ping_every = ping_every
        self.tail = tail
        self.silence = silence
        self.connections = connections
        self.max_active_requests = max_active_requests
        self.api_key = f"app-{uuid.uuid4().hex[:24]}"
        self.app_id = new_id()
        self.app_code = "".join(random.choices(string.ascii_letters, k=16))  # noqa: S311 - no secret
        self.name = "FakeDify"
        self.title = "A generated title"
        """What a model names a conversation."""
        self.version = "1.14.2"
        self.created_at = time.time()
        self.published = True
        self.api_enabled = True
        self.site_enabled = True
        self.audio_enabled = True
        """Whether the app hears and speaks."""
        self.before_1_9 = False
        """Whether it is so old that it wants passports in the header `Authorization`."""
        self.versions: set[str] = set()
        """The ids of published versions that can be run by id."""
        self.faults: list[Fault] = []
        """What goes wrong next."""
        # Who may use it as a web app
        self.webapp_auth = False
        """Whether people can log in to the server: those without the enterprise edition know no logins."""
        self.access_mode = "public"
        """Where they can: `public`, `private`, `private_all` or `sso_verified`."""
        self.accounts: dict[str, str] = {}
        """Passwords by e-mail."""
        self.denied: set[str] = set()
        """The accounts that may not use the app."""
        self.codes: dict[str, str] = {}
        """The code that was sent last, by e-mail."""
        self.challenges: dict[str, Challenge] = {}
        """Codes that wait for an answer, by token."""
        self.logins: dict[str, Login] = {}
        """Who is logged in, by token."""
        self.passports: list[Passport] = []
        """All that were issued."""
        self.passport_key = secrets.token_bytes(32)
        """What they are signed with."""
        self.passport_seconds: float | None = None
        """How long a passport is good; None for ever."""
        # What it has done
        self.runs: dict[str, FakeRun] = {}
        """Every run of a workflow or chatflow that was started, by run id."""
        self.generations: dict[str, FakeGeneration] = {}
        """Every answer of a chat or completion app that was started, by message id."""
        self.model_calls = 0
        """How often a model was asked for anything else: suggested questions, the name of a conversation."""
        self.resume_delay = 0.0
        """Seconds from the submission of a form until the run goes on."""
        # What it keeps
        self.end_users: dict[str, str] = {}
        """Whoever has asked, by id."""
        self.conversations: dict[str, Conversation] = {}
        """By id."""
        self.messages: dict[str, Message] = {}
        """Of chats, chatflows and completions, by id, oldest first."""
        self.saved: list[str] = []
        """The ids of messages that were saved."""
        self.annotations: dict[str, Annotation] = {}
        """By id."""
        self.annotation_jobs: set[str] = set()
        """The ids of jobs that switch annotations on or off."""
        self.files: dict[str, StoredFile] = {}
        """Every file that was uploaded, by id."""
        self.remote_files: dict[str, tuple[str, bytes]] = {}
        """What it can fetch from elsewhere: declared type and content, by URL."""
        self.transcript = "good evening"
        """What it understands whatever it hears."""
        self.heard: list[StoredFile] = []
        """What it was told."""
        self.spoken: list[tuple[str, str, str | None]] = []
        """What it has said: to whom, the text, by which voice."""
        self.requests: list[SeenRequest] = []
        """Every request that came, in order; without the bodies of forms."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._mode: str | None = None
        self._workers: set[asyncio.Task[None]] = set()

    # What it serves

    @property
    def mode(self) -> str:
        """The mode of the app; may be set to another, as if the key were of another app."""
        return self._mode or self.app.mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self._mode = mode

    @property
    def workflow(self) -> Workflow:
        """The app, where it is a workflow or chatflow."""
        assert isinstance(self.app, Workflow), "the app is no workflow"
        return self.app

    @workflow.setter
    def workflow(self, workflow: Workflow) -> None:
        self.app = workflow

    @property
    def is_private(self) -> bool:
        """Whether the web app asks people to log in."""
        return self.webapp_auth and self.access_mode != "public"

    # What happened

    @property
    def tasks(self) -> list[FakeTask]:
        """All that was started: runs, and answers of chat and completion apps."""
        return [*self.runs.values(), *self.generations.values()]

    @property
    def runs_started(self) -> int:
        """How many runs and answers were started."""
        return len(self.runs) + len(self.generations)

    @property
    def runs_stopped(self) -> int:
        """How many of them were asked to stop."""
        return sum(task.stop_calls > 0 for task in self.tasks)

    @property
    def feedbacks(self) -> dict[str, Feedback]:
        """What people think of messages, by message id."""
        given = {message.id: message.feedback for message in list(self.messages.values())}
        return {key: feedback for key, feedback in given.items() if feedback is not None}

    @property
    def all_forms(self) -> list[FakeForm]:
        """Every form that a run has waited for."""
        return [form for run in list(self.runs.values()) for form in run.forms]

    @property
    def forms(self) -> dict[str, FakeForm]:
        """The forms that runs wait for, by token."""
        return {form.token: form for form in self.all_forms if form.status == "open"}

    @property
    def open_sockets(self) -> int:
        """How many connections are open."""
        return len(self._transports())

    @property
    def base_url(self) -> str:
        """Where its Service API is, while it runs."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def web_url(self) -> str:
        """Where its Web API is, while it runs."""
        return f"http://127.0.0.1:{self._port}/api"

    # What happens to it

    def revoke_passports(self) -> None:
        """Make all passports invalid that were issued so far, as another key of the server does."""
        self.passport_key = secrets.token_bytes(32)
        for passport in self.passports:
            passport.valid = False

    def expire_forms(self) -> None:
        """Make it too late for all open forms."""
        for form in self.forms.values():
            form.status = "expired"

    def log_in(self, user: str, *, internal: bool = True) -> Login:
        """Log somebody in: with an account, or by a single sign-on elsewhere, with `internal=False`."""
        login = Login(token=uuid.uuid4().hex, user=user, internal=internal)
        self.logins[login.token] = login
        return login

    def wait_for(self, condition: Callable[[], bool], timeout: float = 5.0) -> bool:
        """Wait until something has happened, such as `lambda: dify.runs_stopped == 1`; False if it does not.

        Blocks: in a coroutine, call it by `asyncio.to_thread`.
        """
        with self._changed:
            # Sockets close without anybody being told, hence the short naps.
            waited = 0.0
            while not condition() and waited < timeout:
                self._changed.wait(0.01)
                waited += 0.01
            return condition()

    # For the server's own use

    def new_run(self, inputs: dict[str, Json], user: str, message: Message | None = None) -> FakeRun:
        """Start the record of a run."""
        run = FakeRun(self.workflow, inputs, user, self._tell, message)
        self.runs[run.id] = run
        self._tell()
        return run

    def new_generation(self, app: Answering, message: Message, pieces: Sequence[str]) -> FakeGeneration:
        """Start the record of an answer."""
        generation = FakeGeneration(app, message, pieces, self._tell)
        self.generations[message.id] = generation
        self._tell()
        return generation

    def work(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Have something done whether or not anybody waits for it."""
        worker = asyncio.create_task(work)
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)
        return worker

    def keep(self, message: Message) -> None:
        """Keep a message, and its files for those who want to read them again."""
        self.messages[message.id] = message
        for file in message.files:
            stored = self.files.get(file["upload_file_id"])
            if stored is not None:
                self.files[stored.id] = attrs.evolve(stored, in_message=True)

    def form(self, token: str) -> FakeForm | None:
        """Find a form by its token."""
        return next((form for form in self.all_forms if form.token == token), None)

    def note(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        """Note a request."""
        self.requests.append(SeenRequest(method, path, headers, body))
        self._tell()

    def next_fault(self, method: str, path: str) -> Fault | None:
        """Give the fault that a request is to meet."""
        for place, fault in enumerate(self.faults):
            if fault.meets(method, path):
                left = attrs.evolve(fault, times=fault.times - 1)
                self.faults[place : place + 1] = [left] if left.times > 0 else []
                return fault
        return None

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # Its life

    def start(self) -> Self:
        """Begin to listen on a free port."""
        if self._thread is not None:
            return self
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(ready)), name="fake-dify", daemon=True
        )
        self._thread.start()
        ready.wait()
        if self._port == 0:
            raise DifyError("FakeDify could not listen on 127.0.0.1")
        return self

    def close(self) -> None:
        """Close every connection and end. Idempotent."""
        if self._thread is None:
            return
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._thread = None

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            self._runner = web.AppRunner(
                Server(self).app(), access_log=None, logger=_log, shutdown_timeout=0.01, keepalive_timeout=2.0
            )
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", self._port)
            await site.start()
            self._port = self._runner.addresses[0][1]
        finally:
            ready.set()
        await self._stopping.wait()
        transports = self._transports()
        await self._runner.cleanup()
        await asyncio.sleep(0)  # Who connected just now is met by then.
        for transport in [*transports, *self._transports()]:
            transport.abort()  # Closed in order, it would wait for a client that does not read.

    def _transports(self) -> list[asyncio.Transport]:
        server = self._runner.server if self._runner is not None else None
        # aiohttp also keeps the connections whose client has gone while their handler still runs.
        connections = server.connections if server is not None else []
        return [one.transport for one in connections if one.transport is not None]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()
