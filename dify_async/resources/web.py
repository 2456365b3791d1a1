"""What the Web API has of its own: runs of workflows, files, the app's page, the server's features."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from dify_async._core import operations, web_operations
from dify_async._core.core import Core
from dify_async._core.passport import WebIdentity
from dify_async._core.request import Options, Request
from dify_async._core.stream import EventStream, Run
from dify_async._types import OMIT, Json, Omit
from dify_async._wire.results import WorkflowAccumulator
from dify_async.errors import ConfigurationError
from dify_async.events import WorkflowEvent
from dify_async.files import FileInputs, FileSource, InputFile
from dify_async.models import (
    AccessMode,
    AppMeta,
    AppParameters,
    RemoteFile,
    RemoteFileInfo,
    RunHandle,
    SystemFeatures,
    UploadedFile,
    WebSite,
    WorkflowResult,
)
from dify_async.resources._asking import asked, given_file, started
from dify_async.resources.following import StoredRuns
from dify_async.settings import Timeouts


@attrs.frozen
class WebWorkflows(StoredRuns):
    """Run workflows, and find their runs again."""

    async def run(
        self,
        inputs: Mapping[str, Json],
        *,
        files: FileInputs | Omit = OMIT,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> WorkflowResult:
        """Run the app's workflow, and wait for its result.

        The run is followed as a stream, for the Web API has no other answer, and folded to its result.
        Cancelling the call stops the run on the server.

        Args:
            inputs: The values of the app's form, by variable name, `InputFile`s among them; `{}` for none.
            files: For apps that take files beside their inputs.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.

        Raises:
            RunFailed: the run ended badly; `RunStopped`, `RunPaused` and `RunRejected` are kinds of it.
            ApiError: the server refused the call.
            OutcomeUnknown: the connection broke before the run told its id; it may have started.
            StreamInterrupted: the stream broke off, and the run was not found again.
            TransportError: no connection, or a clock ran out.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers, extra_body=extra_body)
        async with self._events(self._request(inputs, files, options)) as run:
            return await run.result()

    def stream(
        self,
        inputs: Mapping[str, Json],
        *,
        files: FileInputs | Omit = OMIT,
        on_ping: Callable[[], object] | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        """Run the app's workflow, and follow its events, which tell no inputs and outputs of nodes.

        Args:
            inputs: The values of the app's form, by variable name, `InputFile`s among them; `{}` for none.
            files: For apps that take files beside their inputs.
            on_ping: Called at each ping, about every 10 seconds of silence.
            timeout: Seconds for the whole stream, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers, extra_body=extra_body)
        return self._events(self._request(inputs, files, options), on_ping)

    async def submit(
        self,
        inputs: Mapping[str, Json],
        *,
        files: FileInputs | Omit = OMIT,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> RunHandle:
        """Start a run, and leave it alone: return as soon as it has told its id.

        The handle finds the run again, here or in another process of the same end user. Cancelling the call
        before it returns stops the run.

        Args:
            inputs: The values of the app's form, by variable name, `InputFile`s among them; `{}` for none.
            files: For apps that take files beside their inputs.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.

        Raises:
            RunRejected: the worker refused the run, mostly for an input.
            ApiError: the server refused the call.
            OutcomeUnknown: the connection broke before the run told its id.
            TransportError: no connection, or a clock ran out.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers, extra_body=extra_body)
        return await started(self._events(self._request(inputs, files, options)))

    def _request(self, inputs: Mapping[str, Json], files: FileInputs | Omit, options: Options) -> Request:
        return self._core.prepare(operations.RUN_WORKFLOW, body=asked(inputs, files), options=options)

    def _events(
        self, request: Request, on_ping: Callable[[], object] | None = None
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        user = self._core.identity.user
        run = Run(request=request, kind="workflow", user=user, stop=operations.STOP_WORKFLOW, recovers=True)
        return EventStream(self._core, run, WorkflowAccumulator(), on_ping=on_ping)


@attrs.frozen
class WebFiles:
    """Upload files for inputs and messages."""

    _core: Core

    async def upload(
        self,
        file: FileSource | InputFile,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        source: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> UploadedFile:
        """Upload a file for the end user, who alone can use it then.

        Args:
            file: A path, bytes, a file opened for bytes, an asynchronous iterable of bytes, or an
                `InputFile`.
            name: The name to store. Default: the source's own; bytes and iterables need one.
            mime_type: What the file is declared as. Default: by its extension.
            source: "datasets" for a file of the knowledge; nothing else changes anything.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            FileTooLarge: over the limit of the server, or of a proxy before it.
            ConfigurationError: the file cannot be read, or has no name.
        """
        given = given_file(file, name, mime_type)
        if given.source is None:
            raise ConfigurationError("an InputFile.url is fetched by the server itself: remote_files.upload")
        return await self._core.call(
            operations.UPLOAD_FILE,
            file=given,
            form={} if source is None else {"source": source},
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )


@attrs.frozen
class RemoteFiles:
    """Files at addresses, which the server fetches."""

    _core: Core

    async def info(
        self,
        url: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> RemoteFileInfo:
        """Ask what is at an address.

        Args:
            url: The address, which the server must be able to reach.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            ServerError: there is nothing (server 1.14: a 500).
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(web_operations.GET_REMOTE_FILE, ids={"url": url}, options=options)

    async def upload(
        self,
        url: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> RemoteFile:
        """Have the server fetch a file and keep it, as if it had been uploaded: it goes into inputs as it is.

        Args:
            url: The address, which the server must be able to reach.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            BadRequest: the server cannot fetch it.
            FileTooLarge: over the limit of the server.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(web_operations.UPLOAD_REMOTE_FILE, body={"url": url}, options=options)


@attrs.frozen
class WebApp:
    """The web app: its page, its form, who may use it."""

    _core: Core
    _identity: WebIdentity

    async def site(
        self, *, timeout: float | Timeouts | None = None, extra_headers: Mapping[str, str] | None = None
    ) -> WebSite:
        """Get how the app's page looks, and the ids of the app and the end user.

        Args:
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(web_operations.GET_WEB_SITE, options=options)

    async def parameters(
        self, *, timeout: float | Timeouts | None = None, extra_headers: Mapping[str, str] | None = None
    ) -> AppParameters:
        """Get the app's form, switches and limits.

        Args:
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            AppUnavailable: nothing is published.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(operations.GET_APP_PARAMETERS, options=options)

    async def meta(
        self, *, timeout: float | Timeouts | None = None, extra_headers: Mapping[str, str] | None = None
    ) -> AppMeta:
        """Get the icons of the app's tools.

        Args:
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(operations.GET_APP_META, options=options)

    async def access_mode(
        self,
        *,
        app_id: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> AccessMode:
        """Ask who may use the app. Everybody, unless `system.features().webapp_auth.enabled`.

        Args:
            app_id: Another app than the client's, by its id.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        query = {"appCode": self._identity.app_code} if app_id is None else {"appId": app_id}
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(web_operations.GET_ACCESS_MODE, query=query, options=options)

    async def permission(
        self,
        app_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> bool:
        """Ask whether who is logged in may use the app.

        Ask only where `system.features().webapp_auth.enabled`.

        Args:
            app_id: The app's id, from `site()`.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            ServerError: the server is not of the enterprise edition (1.14: a 500).
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        found = await self._core.call(web_operations.GET_PERMISSION, query={"appId": app_id}, options=options)
        return found.result


@attrs.frozen
class System:
    """The server."""

    _core: Core

    async def features(
        self, *, timeout: float | Timeouts | None = None, extra_headers: Mapping[str, str] | None = None
    ) -> SystemFeatures:
        """Ask what the server can do, and whether its web apps may ask for a login.

        Args:
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(web_operations.GET_SYSTEM_FEATURES, options=options)
