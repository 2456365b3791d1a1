"""FakeDify: a Dify server for tests and demos."""

from __future__ import annotations

import functools
import secrets
import uuid
from collections.abc import Callable, MutableSequence
from typing import Any, Generic, Self, TypeVar, overload

from dify_async import sync
from dify_async.clients.app import AppClient
from dify_async.clients.knowledge import KnowledgeClient
from dify_async.clients.web import WebAppClient
from dify_async.testing.faults import Fault, FaultQueue
from dify_async.testing.recordings import Recorded, Replay
from dify_async.testing.routes import OPERATIONS
from dify_async.testing.scenario import App, Workflow
from dify_async.testing.server import ServerThread
from dify_async.testing.state.access import Login, Passport
from dify_async.testing.state.collection import Collection
from dify_async.testing.state.files import StoredFile
from dify_async.testing.state.forms import FakeForm
from dify_async.testing.state.knowledge import Knowledge
from dify_async.testing.state.messages import Annotation, Conversation, Feedback, Message
from dify_async.testing.state.requests import Requests
from dify_async.testing.state.runs import FakeGeneration, FakeRun, FakeTask
from dify_async.testing.state.state import State
from dify_async.testing.version import ServerVersion

ValueT = TypeVar("ValueT")


class _Record(Generic[ValueT]):
    """A descriptor: an attribute of `FakeDify` that is read from its state."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, dify: None, _: Any) -> Self: ...
    @overload
    def __get__(self, dify: FakeDify, _: Any) -> ValueT: ...
    def __get__(self, dify: FakeDify | None, _: Any) -> Self | ValueT:
        if dify is None:
            return self
        value: ValueT = getattr(dify._state, self._name)  # pyright: ignore[reportPrivateUsage] - of this module
        return value


class _Setting(_Record[ValueT]):
    """A descriptor: an attribute that may also be set, at any time."""

    def __set__(self, dify: FakeDify, value: ValueT) -> None:
        setattr(dify._state, self._name, value)  # pyright: ignore[reportPrivateUsage] - of this module


class FakeDify:
    """A real HTTP server on this machine that behaves like Dify, for tests and demos.

    ```python
    with FakeDify(Workflow(outputs={"answer": "42"})) as dify:
        client = AppClient(dify.api_key, user="ada", base_url=dify.base_url)
    ```

    It serves the Service API and the Web API of one app, and knowledge bases. It streams with pings, keeps
    connections open as Dify does, rejects what Dify rejects with the same errors, and records what happens.
    It runs in its own thread, so nothing in the test's event loop can delay it. Its settings may be
    changed at any time.

    Args:
        app: The app to serve: a `Workflow` (also for chatflows), a `Chat` or a `Completion`.
        version: The version of Dify to imitate, such as "1.14", "1.16" or "1.16.1".
        port: The port to listen on; 0 for a free one.
        ping_every: Seconds between pings while nothing else is sent; 10 on a real server.
        tail: Seconds that a stream stays open after its last event; by default as the version does.
        silence: Seconds that a stream stays open after an error, without pings; 300 on a real server.
        keep_alive: Seconds that idle connections stay open; 2 on a real server.
        connections: Number of requests that are served at the same time; further ones wait. 10 on a default
            server.
        max_active_requests: The app's limit on concurrent runs; more are rejected. None for no limit.
        api_key: Key of the Service API; random by default.
        app_code: Code of the web app; random by default.
        knowledge_key: Key of the Knowledge API; random by default.
    """

    __slots__ = ("__weakref__", "_knowledge_key", "_new_state", "_server", "_state")

    def __init__(
        self,
        app: App | None = None,
        *,
        version: str = "1.14",
        port: int = 0,
        ping_every: float = 10.0,
        tail: float | None = None,
        silence: float = 300.0,
        keep_alive: float = 2.0,
        connections: int = 10_000,
        max_active_requests: int | None = None,
        api_key: str | None = None,
        app_code: str | None = None,
        knowledge_key: str | None = None,
    ) -> None:
        imitated = ServerVersion.parse(version)
        self._server = ServerThread(port, keep_alive)
        self._knowledge_key = knowledge_key or f"dataset-{uuid.uuid4().hex[:24]}"
        self._new_state = functools.partial(
            State,
            app=Workflow() if app is None else app,
            version=imitated,
            ping_every=ping_every,
            tail=imitated.tail if tail is None else tail,
            silence=silence,
            connections=connections,
            max_active_requests=max_active_requests,
            api_key=api_key or f"app-{uuid.uuid4().hex[:24]}",
            app_id=str(uuid.uuid4()),
            app_code=app_code or secrets.token_hex(8),
        )
        self._state = self._fresh_state()

    # Settings

    app: _Setting[App] = _Setting("The app that is served.")
    ping_every = _Setting[float]("Seconds between pings while nothing else is sent.")
    tail = _Setting[float]("Seconds that a stream stays open after its last event.")
    silence = _Setting[float]("Seconds that a stream stays open after an error, without pings.")
    max_active_requests = _Setting["int | None"]("The app's limit on concurrent runs; None for no limit.")
    resume_delay = _Setting[float]("Seconds between the submission of a form and the run's continuation.")
    api_key = _Setting[str]("Key of the Service API.")
    app_id = _Setting[str]("Id of the app.")
    app_code = _Setting[str]("Code of the web app.")
    name = _Setting[str]("Name of the app.")
    title = _Setting[str]("Name that a model gives to conversations.")
    published = _Setting[bool]("True if the app is published.")
    api_enabled = _Setting[bool]("True if the Service API of the app is turned on.")
    site_enabled = _Setting[bool]("True if the web app is turned on.")
    audio_enabled = _Setting[bool]("True if the app accepts and produces speech.")
    workflow_versions = _Setting[set[str]]("Ids of published versions of the workflow that can be run by id.")
    transcript = _Setting[str]("Text that every transcription returns.")
    remote_files = _Setting[dict[str, tuple[str, bytes]]](
        "Files that the server can fetch: MIME type and content by URL."
    )

    # Access to the web app

    webapp_auth = _Setting[bool]("True if the server has logins for web apps (enterprise edition).")
    access_mode = _Setting[str](
        "Access to the web app: `public`, `private`, `private_all` or `sso_verified`."
    )
    accounts = _Setting[dict[str, str]]("Passwords of accounts by e-mail address.")
    denied = _Setting[set[str]]("E-mail addresses of accounts that may not use the app.")
    codes = _Record[dict[str, str]]("The last code sent to each e-mail address.")
    passports = _Record[list[Passport]]("All passports that were issued.")
    passport_seconds = _Setting["float | None"]("Seconds until a passport expires; None for never.")

    # Knowledge bases

    knowledge = _Record[Knowledge]("The knowledge bases, with settings for indexing and limits.")

    # Records

    runs = _Record[Collection[FakeRun]]("Runs of a workflow or chatflow by id or position, oldest first.")
    generations = _Record[Collection[FakeGeneration]](
        "Answers of a chat or completion app by message id, oldest first."
    )
    requests = _Record[Requests]("All requests in order of arrival; `to()` selects those to one operation.")
    conversations = _Record[Collection[Conversation]]("Conversations by id, oldest first.")
    messages = _Record[Collection[Message]]("Messages by id, oldest first.")
    annotations = _Record[Collection[Annotation]]("Annotations by id, oldest first.")
    files = _Record[Collection[StoredFile]]("Uploaded files by id, oldest first.")
    saved = _Record[list[str]]("Ids of saved messages.")
    end_users = _Record[dict[str, str]]("End users by id.")
    audio_files = _Record[list[StoredFile]]("Audio that was sent for transcription.")
    speech_requests = _Record[list[tuple[str, str, "str | None"]]]("Speech requests: end user, text, voice.")
    model_calls = _Record[int]("Number of model calls for suggested questions and names of conversations.")

    @property
    def faults(self) -> FaultQueue:
        """The faults of the next requests: append `Refuse(status=429)`, `Cut(after_events=3)` and others."""
        return self._state.faults

    @faults.setter
    def faults(self, faults: MutableSequence[Fault]) -> None:
        if faults is not self._state.faults:  # `faults += [...]` assigns the queue itself.
            self._state.faults[:] = faults

    @property
    def unused_faults(self) -> list[Fault]:
        """Faults that were not applied to any request, usually because of a mistake in the test."""
        return self._state.faults.unused

    @property
    def version(self) -> str:
        """The version of Dify that is imitated, such as "1.14.2"."""
        return str(self._state.version)

    @version.setter
    def version(self, version: str) -> None:
        self._state.version = ServerVersion.parse(version)

    @property
    def mode(self) -> str:
        """Mode of the app. May be set, as if the key belonged to another app."""
        return self._state.mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self._state.key_mode = mode

    @property
    def workflow(self) -> Workflow:
        """The app, if it is a workflow or chatflow."""
        return self._state.workflow

    @workflow.setter
    def workflow(self, workflow: Workflow) -> None:
        self._state.app = workflow

    @property
    def tasks(self) -> list[FakeTask]:
        """All runs and answers."""
        return self._state.tasks

    @property
    def runs_started(self) -> int:
        """Number of runs and answers that were started."""
        return len(self._state.runs) + len(self._state.generations)

    @property
    def runs_stopped(self) -> int:
        """Number of runs and answers that were asked to stop."""
        return sum(task.stop_calls > 0 for task in self._state.tasks)

    @property
    def feedbacks(self) -> dict[str, Feedback]:
        """Feedback of end users by message id."""
        given = {message.id: message.feedback for message in list(self._state.messages.values())}
        return {key: feedback for key, feedback in given.items() if feedback is not None}

    @property
    def forms(self) -> dict[str, FakeForm]:
        """Forms that runs wait for, by token."""
        return {form.token: form for form in self._state.forms if form.status == "open"}

    def replay(self, recording: Recorded, *, on: str | None = None, times: int = 1) -> Replay:
        """Respond to the next request that starts a run with a recording, byte for byte.

        The run of the recording is added to `runs` or `generations`. A recording without a terminal event is
        added as a failed run.

        Args:
            recording: The bytes of an event stream; the path of a file that contains them, or one event per
                line, or a recorded response; or a list of events.
            on: Respond to another request: part of its method and path, as in faults.
            times: Number of requests to respond to.

        Raises:
            ConfigurationError: The recording cannot be read.
        """
        replay = Replay.of(recording, on=on, times=times)
        self._state.faults.append(replay)
        return replay

    # Clients

    def client(self, user: str = "ada") -> AppClient:
        """Return an async client of the app for an end user."""
        return AppClient(self.api_key, user=user, base_url=self.base_url)

    def sync_client(self, user: str = "ada") -> sync.AppClient:
        """Return a blocking client of the app for an end user."""
        return sync.AppClient(self.api_key, user=user, base_url=self.base_url)

    def web_client(self, user: str | None = None) -> WebAppClient:
        """Return an async client of the web app."""
        return WebAppClient(self.app_code, user=user, base_url=self.web_url)

    def sync_web_client(self, user: str | None = None) -> sync.WebAppClient:
        """Return a blocking client of the web app."""
        return sync.WebAppClient(self.app_code, user=user, base_url=self.web_url)

    def knowledge_client(self) -> KnowledgeClient:
        """Return an async client of the knowledge bases."""
        return KnowledgeClient(self.knowledge.api_key, base_url=self.base_url)

    def sync_knowledge_client(self) -> sync.KnowledgeClient:
        """Return a blocking client of the knowledge bases."""
        return sync.KnowledgeClient(self.knowledge.api_key, base_url=self.base_url)

    # The server

    @property
    def base_url(self) -> str:
        """URL of the Service API."""
        return f"{self._server.origin}/v1"

    @property
    def web_url(self) -> str:
        """URL of the Web API."""
        return f"{self._server.origin}/api"

    @property
    def open_sockets(self) -> int:
        """Number of open connections."""
        return len(self._server.transports)

    def start(self) -> Self:
        """Start the server. Idempotent."""
        if not self._server.is_running:
            self._server.start(self._state)
        return self

    def close(self) -> None:
        """Stop the server and close all connections. Idempotent."""
        self._server.stop()

    def reset(self) -> None:
        """Delete all records and faults, restore all settings, and end all runs.

        The URL, the keys, the app code and the arguments of the constructor do not change. Connections of
        requests in flight are closed.
        """
        self._state = self._fresh_state()
        self._server.replace_state(self._state)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = f"at {self.base_url}" if self._server.is_running else "(not running)"
        return f"<FakeDify {self.version} {self.mode} {where}: {self.runs_started} runs>"

    def _fresh_state(self) -> State:
        knowledge = Knowledge(api_key=self._knowledge_key)
        return self._new_state(faults=FaultQueue(OPERATIONS), knowledge=knowledge)

    # Tests

    def wait_for(self, condition: Callable[[], bool], timeout: float = 5.0) -> bool:
        """Wait until a condition is true; return False if it is still false after `timeout` seconds.

        For example `dify.wait_for(lambda: dify.runs_stopped == 1)`. It blocks: in a coroutine, call it with
        `asyncio.to_thread`.
        """
        changed = self._state.changed
        with changed:
            # Short waits, because a closed socket does not notify the condition.
            waited = 0.0
            while not condition() and waited < timeout:
                changed.wait(0.01)
                waited += 0.01
            return condition()

    def revoke_passports(self) -> None:
        """Invalidate all passports issued so far, as a new secret key of the server does."""
        self._state.passport_key = secrets.token_bytes(32)
        for passport in self._state.passports:
            passport.valid = False

    def expire_forms(self) -> None:
        """Let all open forms expire."""
        for form in self.forms.values():
            form.status = "expired"

    def log_in(self, user: str, *, internal: bool = True) -> Login:
        """Log somebody in: with an account, or through an identity provider with `internal=False`."""
        return self._state.add_login(user, internal=internal)
