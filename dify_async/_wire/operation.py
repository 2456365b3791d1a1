"""An operation of Dify's API as data, and the request context that errors name."""

from __future__ import annotations

from typing import Generic, Literal, TypeAlias, TypeVar

import attrs

AnswerT_co = TypeVar("AnswerT_co", covariant=True)

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

Credentials: TypeAlias = Literal["own", "code", "login", "none"]
"""What a request of the Web API carries: the passport of one end user, the app's code alone, everything that
identifies a logged-in account, or nothing. Requests of the Service API always carry the key."""


@attrs.frozen
class Operation(Generic[AnswerT_co]):
    """One endpoint: its path, the type of its answer, and how it may be treated."""

    method: str
    path: str
    """Relative to the base URL, with `{names}` in place of ids."""
    answer: type[AnswerT_co]
    """A model, `Page[Model]` for a list, `bytes` for a body that is not JSON, `Event` for an event stream."""
    idempotent: bool
    """Whether the request is safe to repeat when its outcome is unknown.

    False for runs, for GETs that call a model, and for requests that create something."""
    user: Literal["body", "query", "form"] | None = None
    """Where the Service API expects the end user; None where it expects none."""
    credentials: Credentials = "own"
    """What the Web API expects."""
    starts_run: bool = False
    """Whether the request starts a run, so that it costs money and may take minutes."""
    recent: bool = False
    """Whether servers of 2024 lack it."""
    enterprise: bool = False
    """Whether only servers of the enterprise edition have it."""
    settings: tuple[str, ...] = ()
    """Fields of the body that callers pass as options. Beside a file, they are the form's field `data`."""
    advice: tuple[int, str] | None = None
    """What to do when JSON of this status comes back, where the server's own words mislead."""
    name: str = attrs.field(
        init=False, default=attrs.Factory(lambda self: f"{self.method} {self.path}", takes_self=True)
    )
    """Method and path, for errors and logs: `POST /workflows/run`."""
