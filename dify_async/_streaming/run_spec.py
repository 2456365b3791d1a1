"""What a stream needs to know of its run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from dify_async._http.request import Request
from dify_async._wire.operation import Operation
from dify_async.models import AppKind, Stopped


@attrs.frozen(kw_only=True)
class RunSpec:
    """What a stream needs to know of its run."""

    request: Request
    """What opens the stream."""
    kind: AppKind
    stop: Operation[Stopped] | None
    """Stops the run, by the task id that its events contain. None for runs that cannot be stopped."""
    is_ours: bool = True
    """Whether the request starts the run, so that leaving the stream stops it."""
    recovers: bool = False
    """Whether to find the run again when its stream is interrupted: runs of workflows and chatflows are
    stored.
    """
    is_stored: bool = False
    """Whether to look for the run from the start, without a request of its own."""
    continue_on_pause: bool = False
    """Whether the stream goes on after a pause."""
    submit: Callable[[], Awaitable[None]] | None = None
    """Submits the form that the run waits for, once the stream is open: then no event is lost."""
