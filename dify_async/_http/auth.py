"""Credentials of the Service API, and validation of keys, end users and base URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Mapping
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

import attrs
from yarl import URL

from dify_async._http.redaction import Secret, hidden
from dify_async._text import is_unicode
from dify_async._wire.operation import Credentials, Operation
from dify_async.errors import ConfigurationError, Unauthorized
from dify_async.options import CallOptions

CLOUD: Final = "https://api.dify.ai/v1"
"""The Service API of Dify Cloud."""

_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d"
_OTHER_CLIENTS: Final = {
    "app-": ("dataset-", "KnowledgeClient"),
    "dataset-": ("app-", "AppClient"),
}
"""By the prefix of a client's keys: the prefix of the other kind of keys, and their client."""


@attrs.frozen
class AuthHeaders:
    """The headers that authenticate a request."""

    values: dict[str, str] = attrs.field(repr=False)
    generation: int = 0
    """Number of the token in the headers; each new token has a higher number."""


_NO_HEADERS: Final = AuthHeaders({})


class Caller(Protocol):
    """The interface that credentials use to fetch a token: calls, and a lock per event loop."""

    async def call(
        self, operation: Operation[Any], options: CallOptions, *, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Call an operation."""
        ...

    async def lock_for(self, key: object) -> Any:
        """Return the lock of a shared resource in the running event loop."""
        ...

    def forget_uploads(self) -> None:
        """Forget the uploaded files, because they may belong to another end user."""
        ...


class Auth(Protocol):
    """The credentials of a client, and its end user."""

    @property
    def user(self) -> str | None:
        """The end user that calls are made for."""
        ...

    @property
    def sends_user(self) -> bool:
        """True if requests name their end user; otherwise the credentials identify the end user."""
        ...

    @property
    def key(self) -> Hashable:
        """Identifies the app: concurrency slots and uploaded files are stored per key."""
        ...

    @property
    def secrets(self) -> list[str]:
        """Values that are masked in errors if a server or proxy sends them back."""
        ...

    def for_user(self, user: str) -> Self:
        """Return the same credentials for another end user."""
        ...

    async def headers(self, caller: Caller, credentials: Credentials, /) -> AuthHeaders:
        """Return the headers that authenticate a request."""
        ...

    async def refreshed(
        self, caller: Caller, credentials: Credentials, rejected: AuthHeaders, error: Unauthorized, /
    ) -> AuthHeaders | None:
        """Return new headers to replace the rejected ones; None if there are none."""
        ...


@attrs.frozen
class NoAuth:
    """No credentials, for endpoints that require none."""

    user: str | None = None
    sends_user: bool = False
    key: Hashable = None
    secrets: list[str] = attrs.field(factory=list[str])

    def for_user(self, user: str) -> Self:  # noqa: ARG002 - part of the protocol
        """Return itself: there is no end user."""
        return self

    async def headers(self, *_: object) -> AuthHeaders:
        """Return no headers."""
        return _NO_HEADERS

    async def refreshed(self, *_: object) -> None:
        """Return None."""
        return


@attrs.frozen
class KeyAuth:
    """An API key, and for apps its end user."""

    key: Secret
    user: str | None = None
    sends_user: bool = True
    _headers: AuthHeaders = attrs.field(
        init=False,
        repr=False,
        eq=False,
        default=attrs.Factory(
            lambda self: AuthHeaders({"Authorization": Secret(f"Bearer {self.key}")}), takes_self=True
        ),
    )

    @classmethod
    def for_app(cls, api_key: str | None, user: str | None) -> Self:
        """Return credentials from the arguments, or from `DIFY_API_KEY` and `DIFY_USER`."""
        return cls(checked_key(api_key, "DIFY_API_KEY", "app-"), checked_user(user))

    @classmethod
    def for_knowledge(cls, api_key: str | None) -> Self:
        """Return credentials from the argument, or from `DIFY_KNOWLEDGE_API_KEY`. They have no end users."""
        return cls(checked_key(api_key, "DIFY_KNOWLEDGE_API_KEY", "dataset-"), sends_user=False)

    @property
    def secrets(self) -> list[str]:
        """Return the API key."""
        return [self.key]

    def for_user(self, user: str) -> Self:
        """Return the same key for another end user."""
        return attrs.evolve(self, user=checked_user(user))

    async def headers(self, *_: object) -> AuthHeaders:
        """Return the `Authorization` header."""
        return self._headers

    async def refreshed(self, *_: object) -> None:
        """Return None: there is only one key."""
        return


def is_text(value: object) -> bool:
    """Return True for a non-empty str without lone surrogates."""
    return is_unicode(value) and value != ""


def checked_key(key: str | None, variable: str, prefix: str) -> Secret:
    """Return the key, or the one in the environment. Errors never show it."""
    found = hidden(key if key is not None else os.environ.get(variable, ""))
    other, client = _OTHER_CLIENTS[prefix]
    problem = None
    if not isinstance(found, str):
        problem = f"must be a str, got {type(found).__name__}"
    elif not found:
        problem = f"is empty: pass api_key= or set {variable}"
    elif found.lower().startswith("bearer "):
        problem = "must not start with 'Bearer ': pass only the key"
    elif found[0] in _QUOTES or found[-1] in _QUOTES:
        problem = "must not be in quotes: check how it was copied, and how your program reads its .env file"
    elif any(character.isspace() for character in found):
        problem = "must not contain whitespace: check how it was copied or read from its file"
    elif "{" in found or "}" in found:
        problem = "must not contain braces: replace the placeholder with the real key"
    elif found.startswith(other):
        problem = f"must not start with {other!r}: this client takes {prefix!r} keys, use {client}"
    elif not found.isascii() or not found.isprintable():
        problem = "must consist of printable ASCII characters: check how it was copied"
    if problem is not None:
        raise ConfigurationError(f"the API key {problem}")
    return Secret(found)


def checked_user(user: str | None) -> str | None:
    """Return the end user, or the one in the environment; None if there is none."""
    found = user if user is not None else os.environ.get("DIFY_USER") or None
    if found is not None and not is_text(found):
        raise ConfigurationError(f"`user` must be a non-empty str, got {found!r:.100}")
    return found


def checked_base_url(url: str | None, variable: str, default: str, last: str) -> str:
    """Return the URL that paths are appended to. It ends in `last`, without a slash."""
    # The URL is not shown: it may contain a password.
    found = hidden(url or os.environ.get(variable) or default)
    if not isinstance(found, str):
        raise ConfigurationError(f"`base_url` must be a str, got {type(found).__name__}")
    if "@" in found:
        raise ConfigurationError(
            "`base_url` must not contain a user or password; pass headers= if a proxy requires them"
        )
    try:
        parts = urlsplit(found.strip())
        port = parts.port
    except ValueError:
        raise ConfigurationError("`base_url` must be a URL with a valid host and port") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            "`base_url` must start with https:// or http:// and a host, as in https://api.dify.ai/v1"
        )
    if parts.query or parts.fragment:
        raise ConfigurationError("`base_url` must end with its path, without '?' and '#'")
    host = _ascii_host(parts.hostname)
    if not parts.path.isascii() or not parts.path.isprintable() or " " in parts.path:
        raise ConfigurationError("the path in `base_url` must be percent-encoded: no spaces, ASCII only")
    if port == 0:
        raise ConfigurationError("`base_url` must not use port 0")
    segments = [segment for segment in parts.path.split("/") if segment]
    if not segments or segments[-1] != last:
        segments.append(last)
    netloc = f"[{host}]" if ":" in host else host
    netloc = netloc if port is None else f"{netloc}:{port}"
    address = f"{parts.scheme}://{netloc}/{'/'.join(segments)}"
    try:
        URL(address)  # aiohttp uses this class, which rejects some URLs that urlsplit accepts.
    except ValueError as exc:
        raise ConfigurationError(f"`base_url` must contain a valid host name: {exc}") from None
    return address


def _ascii_host(host: str) -> str:
    """Return a host name in its ASCII form."""
    if ":" in host:
        return host  # IPv6
    try:
        # The codec rejects empty labels and labels of more than 63 characters.
        name = host.encode("idna").decode("ascii") if not host.isascii() else host
        name.rstrip(".").encode("idna")
    except UnicodeError:
        name = ""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or name.startswith("."):
        raise ConfigurationError("`base_url` must contain a valid host name")
    return name
