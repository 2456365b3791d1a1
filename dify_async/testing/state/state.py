"""Settings and records of a fake server. Both the server thread and the test use them."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Coroutine
from typing import Final

import attrs

from dify_async.errors import ConfigurationError
from dify_async.testing.faults import FaultQueue
from dify_async.testing.ids import id_of
from dify_async.testing.scenario import App, Chat, Completion, Workflow
from dify_async.testing.state.access import Challenge, Login, Passport
from dify_async.testing.state.collection import Collection
from dify_async.testing.state.files import StoredFile
from dify_async.testing.state.forms import FakeForm
from dify_async.testing.state.knowledge import Knowledge
from dify_async.testing.state.messages import Annotation, Conversation, Message
from dify_async.testing.state.requests import Requests, SeenRequest
from dify_async.testing.state.runs import FakeGeneration, FakeRun, FakeTask, Live
from dify_async.testing.version import ServerVersion

TENANT_ID: Final = id_of("dify_async.testing/tenant")
"""The workspace of the app."""


def _is_app(_: object, attribute: attrs.Attribute[App], value: App) -> None:
    if not isinstance(value, (Workflow, Chat, Completion)):
        raise ConfigurationError(
            f"`{attribute.name}` must be a Workflow, Chat or Completion, got {type(value).__name__}"
        )


@attrs.define(kw_only=True, eq=False)
class State:
    """Settings and records of a fake server. `FakeDify` documents the public ones."""

    # Settings
    app: App = attrs.field(factory=Workflow, validator=_is_app)
    version: ServerVersion
    ping_every: float
    tail: float
    silence: float
    connections: int
    max_active_requests: int | None
    faults: FaultQueue
    api_key: str
    app_id: str
    app_code: str
    origin: str = ""
    name: str = "FakeDify"
    title: str = "A generated title"
    created_at: float = attrs.field(factory=time.time)
    key_mode: str | None = None
    published: bool = True
    api_enabled: bool = True
    site_enabled: bool = True
    audio_enabled: bool = True
    workflow_versions: set[str] = attrs.field(factory=set[str])
    resume_delay: float = 0.0
    transcript: str = "good evening"
    remote_files: dict[str, tuple[str, bytes]] = attrs.field(factory=dict[str, tuple[str, bytes]])

    # The Knowledge API
    knowledge: Knowledge

    # Access to the web app
    webapp_auth: bool = False
    access_mode: str = "public"
    accounts: dict[str, str] = attrs.field(factory=dict[str, str])
    denied: set[str] = attrs.field(factory=set[str])
    codes: dict[str, str] = attrs.field(factory=dict[str, str])
    challenges: dict[str, Challenge] = attrs.field(factory=dict[str, Challenge])
    logins: dict[str, Login] = attrs.field(factory=dict[str, Login])
    passports: list[Passport] = attrs.field(factory=list[Passport])
    passport_key: bytes = attrs.field(factory=lambda: secrets.token_bytes(32), repr=False)
    passport_seconds: float | None = None

    # Records
    runs: Collection[FakeRun] = attrs.field(factory=lambda: Collection("Workflow run not found"))
    generations: Collection[FakeGeneration] = attrs.field(factory=lambda: Collection("Not found"))
    conversations: Collection[Conversation] = attrs.field(
        factory=lambda: Collection("Conversation Not Exists.")
    )
    messages: Collection[Message] = attrs.field(factory=lambda: Collection("Message Not Exists."))
    annotations: Collection[Annotation] = attrs.field(factory=lambda: Collection("Annotation not found"))
    files: Collection[StoredFile] = attrs.field(factory=lambda: Collection("File not found"))
    saved: list[str] = attrs.field(factory=list[str])
    annotation_jobs: set[str] = attrs.field(factory=set[str])
    end_users: dict[str, str] = attrs.field(factory=dict[str, str])
    audio_files: list[StoredFile] = attrs.field(factory=list[StoredFile])
    speech_requests: list[tuple[str, str, str | None]] = attrs.field(
        factory=list[tuple[str, str, str | None]]
    )
    requests: Requests = attrs.field(factory=Requests)
    model_calls: int = 0

    changed: threading.Condition = attrs.field(factory=threading.Condition, init=False, repr=False)
    _workers: set[asyncio.Task[None]] = attrs.field(factory=set[asyncio.Task[None]], init=False, repr=False)

    # The app

    @property
    def mode(self) -> str:
        """Mode of the app that the key belongs to."""
        return self.key_mode or self.app.mode

    @property
    def workflow(self) -> Workflow:
        """The app, if it is a workflow or chatflow."""
        if not isinstance(self.app, Workflow):
            raise ConfigurationError(f"`app` must be a Workflow here, got {type(self.app).__name__}")
        return self.app

    @property
    def is_private(self) -> bool:
        """True if the web app requires a login."""
        return self.webapp_auth and self.access_mode != "public"

    # Records

    @property
    def tasks(self) -> list[FakeTask]:
        """All runs and answers."""
        return [*self.runs.values(), *self.generations.values()]

    @property
    def forms(self) -> list[FakeForm]:
        """All forms that runs have waited for."""
        return [form for run in list(self.runs.values()) for form in run.forms]

    def new_live(self) -> Live:
        """Return the listeners of a new task."""
        return Live(self.notify)

    def add_end_user(self, user: str) -> None:
        """Add an end user."""
        self.end_users[id_of(user)] = user

    def add_login(self, user: str, *, internal: bool) -> Login:
        """Add a login."""
        login = Login(user=user, internal=internal)
        self.logins[login.token] = login
        return login

    def add_message(self, message: Message) -> None:
        """Add a message, and make its files available for download."""
        self.messages.add(message)
        for file in message.files:
            stored = self.files.get(file["upload_file_id"])
            if stored is not None:
                self.files.add(attrs.evolve(stored, in_message=True))

    def conversation_of(self, conversation_id: str, user: str) -> Conversation:
        """Return a conversation of an end user, or raise the server's 404."""
        found = self.conversations.find(conversation_id)
        if found.user != user:
            raise self.conversations.not_found()
        return found

    def message_of(self, message_id: str, user: str) -> Message:
        """Return a message of an end user, or raise the server's 404."""
        found = self.messages.find(message_id)
        if found.user != user:
            raise self.messages.not_found()
        return found

    def add_request(self, request: SeenRequest) -> None:
        """Add a request."""
        self.requests.append(request)
        self.notify()

    # Work

    def notify(self) -> None:
        """Wake up all threads that wait for a change."""
        with self.changed:
            self.changed.notify_all()

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Start background work, and keep a reference until it ends."""
        worker = asyncio.create_task(work)
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)
        return worker

    def cancel_work(self) -> None:
        """Cancel all runs and answers in progress."""
        for worker in list(self._workers):
            worker.cancel()
