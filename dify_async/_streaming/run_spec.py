"""The parameters of a stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from dify_async._http.request import Request
from dify_async._wire.operation import Operation
from dify_async.models.runs import AppKind
from dify_async.models.success import Stopped


@attrs.frozen(kw_only=True)
class RunSpec:
    """The parameters of a stream: its request, and how its run is recovered and stopped."""

    request: Request
    """The request that opens the stream."""
    kind: AppKind
    stop: Operation[Stopped] | None
    """The operation that stops the run. None for runs that cannot be stopped."""
    is_ours: bool = True
    """True if the request starts the run, so that leaving the stream stops it."""
    recovers: bool = False
    """True to recover the run when its stream is interrupted. Only runs of workflows and chatflows are
    stored."""
    is_stored: bool = False
    """True to start with recovery, without sending `request`."""
    continue_on_pause: bool = False
    """True if the stream continues after a pause."""
    submit: Callable[[], Awaitable[None]] | None = None
    """Submits the form that the run waits for. Called when the stream is open, so that no event is lost."""
