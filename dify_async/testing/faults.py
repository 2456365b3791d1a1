"""Faults: errors that a fake server causes for its next requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableSequence
from types import MappingProxyType
from typing import Final, overload

import attrs
from attrs.validators import optional

from dify_async.errors import ConfigurationError
from dify_async.testing import validators
from dify_async.testing.ids import is_uuid

_STARTS: Final = ("/run", "/chat-messages", "/completion-messages")


@attrs.frozen(kw_only=True, repr=False)
class Fault:
    """Base of all faults, which are applied to requests. Append them to `FakeDify.faults`.

    A fault applies to the next `times` requests that match `on`. Without `on` it applies to requests that
    start a run.
    """

    on: str | None = None
    """Part of the method and path, such as `/info`, `GET`, or `POST /workflows/run`."""
    times: int = attrs.field(default=1, validator=validators.count(1))
    """Number of requests that the fault applies to."""

    @staticmethod
    def is_start(method: str, path: str) -> bool:
        """Return True if a request starts a run."""
        return method == "POST" and path.endswith(_STARTS)

    def applies_to(self, method: str, path: str) -> bool:
        """Return True if the fault applies to a request."""
        if self.on is None:
            return self.is_start(method, path)
        return matches(self.on, method, path)

    def __repr__(self) -> str:
        changed = {
            field.name: getattr(self, field.name)
            for field in attrs.fields(type(self))
            if getattr(self, field.name) != field.default
        }
        shown = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        return f"{type(self).__name__}({shown})"


@attrs.frozen(kw_only=True, repr=False)
class Refuse(Fault):
    """The server responds with this error."""

    status: int = attrs.field(validator=validators.count(100))
    """Status of the response."""
    code: str = "internal_server_error"
    """Dify's error code."""
    message: str = ""
    """Dify's error message."""
    body: bytes | None = None
    """The complete body, for responses that are not Dify's JSON, such as the page of a proxy. None for
    JSON."""
    content_type: str = "text/html"
    """Content type of `body`."""
    headers: Mapping[str, str] = MappingProxyType({})
    """Additional headers of the response, such as `Retry-After`."""


@attrs.frozen(kw_only=True, repr=False)
class Drop(Fault):
    """The connection is closed without a response, after the request was read."""

    after_start: bool = False
    """True if the run starts, or the document is stored, before the connection is closed."""


@attrs.frozen(kw_only=True, repr=False)
class Cut(Fault):
    """The stream is interrupted after a number of bytes or events. The run continues."""

    at_byte: int | None = attrs.field(default=None, validator=optional(validators.count()))
    """Number of bytes that are sent before. None for no limit."""
    after_events: int | None = attrs.field(default=None, validator=optional(validators.count()))
    """Number of events that are sent; pings are not counted."""
    how: str = attrs.field(default="abort", validator=validators.one_of("abort", "reset", "end"))
    """`abort`: the connection is closed without the last chunk, as when the server dies. `reset`: with a TCP
    reset. `end`: the body ends as if it were complete."""


@attrs.frozen(kw_only=True, repr=False)
class Silence(Fault):
    """Nothing is sent after a number of events, not even pings. The connection stays open."""

    after_events: int = attrs.field(default=0, validator=validators.count())
    """Number of events that are sent; pings are not counted."""


@attrs.frozen(kw_only=True, repr=False)
class PingsOnly(Fault):
    """A stream that follows a run contains only pings, and ends after `FakeDify.silence` seconds.

    Real servers do this when the run ends between reading its record and subscribing to its events.
    """

    on: str | None = "/events"
    """Part of the method and path; by default any stream that follows a run."""


@attrs.frozen(kw_only=True, repr=False)
class Delay(Fault):
    """The response starts late."""

    seconds: float = attrs.field(validator=validators.seconds)
    """Seconds before the request is handled."""


@attrs.define
class _Queued:
    fault: Fault
    left: int
    applied: bool = False


class FaultQueue(MutableSequence[Fault]):
    """The faults of a fake server. Each request takes the first fault that applies to it."""

    def __init__(self, operations: Iterable[tuple[str, str]] | None = None) -> None:
        """Create an empty queue for a server with these methods and paths; None accepts any `on`."""
        self._operations = None if operations is None else list(operations)
        self._queue: list[_Queued] = []

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that applies to a request, and count it as applied. None if there is none."""
        for queued in self._queue:
            if queued.fault.applies_to(method, path):
                queued.applied = True
                queued.left -= 1
                if queued.left == 0:
                    self._queue.remove(queued)
                return queued.fault
        return None

    @property
    def unused(self) -> list[Fault]:
        """Faults that were not applied to any request."""
        return [queued.fault for queued in self._queue if not queued.applied]

    def _checked(self, fault: Fault) -> _Queued:
        if not isinstance(fault, Fault):
            raise ConfigurationError(
                f"`faults` must contain faults such as Refuse(status=429), got {type(fault).__name__}"
            )
        known = self._operations
        if fault.on is not None and known is not None and not any(_reaches(fault.on, *one) for one in known):
            raise ConfigurationError(
                f"`on` must be part of the method and path of an operation, such as '/info' or "
                f"'POST /workflows/run', got {fault.on!r}"
            )
        return _Queued(fault, fault.times)

    @overload
    def __getitem__(self, index: int) -> Fault: ...
    @overload
    def __getitem__(self, index: slice) -> list[Fault]: ...
    def __getitem__(self, index: int | slice) -> Fault | list[Fault]:
        found = self._queue[index]
        return [queued.fault for queued in found] if isinstance(found, list) else found.fault

    @overload
    def __setitem__(self, index: int, value: Fault) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[Fault]) -> None: ...
    def __setitem__(self, index: int | slice, value: Fault | Iterable[Fault]) -> None:
        if isinstance(index, slice):
            faults = [value] if isinstance(value, Fault) else value
            self._queue[index] = [self._checked(fault) for fault in faults]
        elif isinstance(value, Fault):
            self._queue[index] = self._checked(value)

    def __delitem__(self, index: int | slice) -> None:
        del self._queue[index]

    def __len__(self) -> int:
        return len(self._queue)

    def insert(self, index: int, value: Fault) -> None:
        """Add a fault before the one at `index`."""
        self._queue.insert(index, self._checked(value))

    def __repr__(self) -> str:
        return repr(list(self))


def matches(on: str, method: str, path: str) -> bool:
    """Return True if `on` is part of the method and path of a request."""
    return any(on in name for name in _names(method, path))


def _names(method: str, path: str) -> tuple[str, str]:
    """Return method and path as they are sent, and as in Dify's documentation: without /v1 or /api."""
    _, _, documented = path[1:].partition("/")
    return f"{method} {path}", f"{method} /{documented}"


def _reaches(on: str, method: str, path: str) -> bool:
    """Return True if `on` can be part of a request to a path with placeholders such as `{run_id}`."""
    return any(_fits(on.split("/"), name.split("/")) for name in _names(method, path))


def _fits(wanted: list[str], template: list[str]) -> bool:
    if template[-1].endswith(":.+}"):  # Matches the rest of the path.
        template = [*template, *["{}"] * len(wanted)]
    starts = range(len(template) - len(wanted) + 1)
    return any(_fits_at(wanted, template[start : start + len(wanted)]) for start in starts)


def _fits_at(wanted: list[str], template: list[str]) -> bool:
    """Return True if `wanted` can be these segments of a path; its ends may be parts of a segment."""
    last = len(wanted) - 1
    named = not any(wanted)
    for position, (part, known) in enumerate(zip(wanted, template, strict=True)):
        if known.startswith("{"):
            if " " in part:
                return False  # A method.
            named = named or is_uuid(part)
            continue
        at_start = position > 0 or known.endswith(part)
        at_end = position < last or known.startswith(part)
        inside = part in known if last == 0 else at_start and at_end
        if not inside or (0 < position < last and part != known):
            return False
        named = named or bool(part)
    return named  # False for placeholders only, which would match everything.
