"""An operation of Dify's API as data."""

from __future__ import annotations

from typing import Generic, Literal, TypeAlias, TypeVar

import attrs

AnswerT_co = TypeVar("AnswerT_co", covariant=True)

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

Credentials: TypeAlias = Literal["own", "code", "login", "none"]
"""The credentials that a request of the Web API sends: the passport of one end user, only the app's code,
everything that identifies a logged-in account, or nothing. Requests of the Service API always send the
key."""


@attrs.frozen
class Operation(Generic[AnswerT_co]):
    """One endpoint: method, path, type of the response, and how a request may be handled."""

    method: str
    path: str
    """Relative to the base URL, with `{names}` in place of ids."""
    answer: type[AnswerT_co]
    """Type of the response: a model, `Page[Model]` for a list, `bytes` for a body that is not JSON, `Event`
    for an event stream, `NoneType` for a response that is ignored."""
    idempotent: bool
    """True if the request is safe to retry when its outcome is unknown.

    False for runs, for GETs that call a model, and for requests that create something."""
    user: Literal["body", "query", "form"] | None = None
    """Where the Service API expects the end user; None if it expects none."""
    credentials: Credentials = "own"
    """The credentials that the Web API expects."""
    starts_run: bool = False
    """True if the request starts a run, so that it costs money and may take minutes."""
    recent: bool = False
    """True if servers of 2024 do not have the endpoint."""
    enterprise: bool = False
    """True if only servers of the enterprise edition have the endpoint."""
    settings: tuple[str, ...] = ()
    """Fields of the body that callers pass as options. In an upload they are sent in the form field
    `data`."""
    advice: tuple[int, str] | None = None
    """A status and a hint: the hint is shown for JSON responses with this status, whose message is
    misleading."""
    name: str = attrs.field(
        init=False, default=attrs.Factory(lambda self: f"{self.method} {self.path}", takes_self=True)
    )
    """Method and path, for errors and logs: `POST /workflows/run`."""
