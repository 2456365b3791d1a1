"""Who asks: the key, the end user, and the server's address."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias
from urllib.parse import quote, urlsplit

import attrs

from dify_async.errors import ConfigurationError, Unauthorized

if TYPE_CHECKING:
    from dify_async._core.core import Core

Credentials: TypeAlias = Literal["own", "code", "login", "none"]
"""What an operation of the Web API is asked with: what opens the app for one end user, the app's code alone,
all that tells who is logged in, or nothing. On the Service API it is always the key."""

_HALVES: Final = re.compile("[\ud800-\udfff]")

_OTHER_KINDS: Final = {"app-": "dataset-", "dataset-": "app-"}


class Secret(str):
    """A text that shows itself only where it is used: not in a `repr`, nor in a dump of local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def is_text(value: object) -> bool:
    """Say whether a value is a text that can be sent: not empty, and without halves of surrogate pairs."""
    return isinstance(value, str) and value != "" and not _HALVES.search(value)


class Identity(Protocol):
    """What a request needs to know of who asks."""

    @property
    def user(self) -> str | None:
        """The end user that is asked for."""
        ...

    def for_user(self, user: str) -> Identity:
        """Give the same app for another end user."""
        ...

    @property
    def names_user(self) -> bool:
        """Whether each request names its end user; else the credentials say who it is."""
        ...

    def asked_user(self, operation: str) -> str | None:
        """Give the end user; refuse the call where there must be one and is none."""
        ...

    async def credentials(self, core: Core, kind: Credentials, /) -> dict[str, str]:
        """Give the headers that tell the server who asks."""
        ...

    async def renewed(
        self, core: Core, kind: Credentials, refused: dict[str, str], error: Unauthorized, /
    ) -> dict[str, str] | None:
        """Give other headers in place of those that were refused; None where there are none."""
        ...

    @property
    def secrets(self) -> list[str]:
        """What no error shows, should a server or proxy send it back."""
        ...


@attrs.frozen
class Anonymous:
    """Nobody: for the few questions that need no key."""

    user = None
    names_user = False

    def for_user(self, user: str) -> Anonymous:  # noqa: ARG002 - nobody
        return self

    def asked_user(self, operation: str) -> None:  # noqa: ARG002 - there is none
        return None

    async def credentials(self, *_: object) -> dict[str, str]:
        return {}

    async def renewed(self, *_: object) -> None:
        return None

    @property
    def secrets(self) -> list[str]:
        return []


@attrs.frozen
class AppIdentity:
    """An app's key and the end user that it is used for."""

    api_key: Secret
    user: str | None

    @classmethod
    def of(cls, api_key: str | None, user: str | None) -> AppIdentity:
        """Take what was given, or `DIFY_API_KEY` and `DIFY_USER`; refuse what cannot be right."""
        return cls(checked_key(api_key, "DIFY_API_KEY", "app-"), checked_user(user))

    names_user = True

    async def credentials(self, *_: object) -> dict[str, str]:
        return {"Authorization": Secret(f"Bearer {self.api_key}")}

    async def renewed(self, *_: object) -> None:
        return None  # A key is right or wrong.

    def for_user(self, user: str) -> AppIdentity:
        """Give the same key for another end user."""
        return attrs.evolve(self, user=checked_user(user))

    def asked_user(self, operation: str) -> str:
        if self.user is None:
            raise ConfigurationError(
                "this call needs an end user: AppClient(user=...), client.for_user(...) or DIFY_USER",
                operation=operation,
            )
        return self.user

    @property
    def secrets(self) -> list[str]:
        return [self.api_key]


def checked_key(key: str | None, variable: str, prefix: str) -> Secret:
    """Give the key, or the one of the environment; refuse what cannot be one. Never shows it."""
    found = key if key is not None else os.environ.get(variable, "")
    other = _OTHER_KINDS[prefix]
    problem = None
    if not isinstance(found, str):
        problem = f"is a text, not a {type(found).__name__}"
    elif not found:
        problem = f"is empty: give api_key= or set {variable}"
    elif found.lower().startswith("bearer "):
        problem = "begins with 'Bearer ': give the key alone"
    elif any(sign.isspace() for sign in found):
        problem = "holds a blank or a line break: check how it was copied or read from its file"
    elif "{" in found or "}" in found:
        problem = "holds braces: put the real key where the template has its placeholder"
    elif found.startswith(other):
        problem = f"begins with {other!r}: it is of the other kind, this client takes {prefix!r} keys"
    elif not found.isascii() or not found.isprintable():
        problem = "holds signs that no header can carry: check how it was copied"
    if problem is not None:
        raise ConfigurationError(f"the API key {problem}")
    return Secret(found)


def checked_user(user: str | None) -> str | None:
    """Give the end user, or the one of the environment; None where there is none yet."""
    found = user if user is not None else os.environ.get("DIFY_USER") or None
    if found is not None and not is_text(found):
        raise ConfigurationError(f"the end user is a text that is not empty, not {found!r}")
    return found


def checked_base_url(url: str | None, variable: str, default: str, last: str) -> str:
    """Give the address that paths are appended to: with `last` at its end and no slash after it."""
    found = url or os.environ.get(variable) or default
    try:
        parts = urlsplit(found.strip())
        _ = parts.port
    except ValueError as exc:
        raise ConfigurationError(f"base_url is no URL: {exc}") from None
    # The URL itself is not shown: it may hold a password.
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            "base_url begins with https:// or http:// and a host, as https://api.dify.ai/v1"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            "base_url holds no user or password; use headers= for a proxy that asks for them"
        )
    if parts.query or parts.fragment:
        raise ConfigurationError("base_url ends with its path: no '?' and no '#'")
    segments = [segment for segment in parts.path.split("/") if segment]
    if not segments or segments[-1] != last:
        segments.append(last)
    return f"{parts.scheme}://{parts.netloc}/{'/'.join(segments)}"


def filled(path: str, ids: dict[str, str], operation: str) -> str:
    """Put ids into a path, escaped; refuse those that would lead to another path."""
    for name, value in ids.items():
        if not is_text(value) or value in {".", ".."}:
            raise ConfigurationError(f"{name} is an id, not {value!r}", operation=operation)
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path
