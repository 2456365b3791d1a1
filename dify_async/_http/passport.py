"""Credentials of the Web API: an app's code, and the passport of one end user."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Hashable
from typing import Final, Self, TypeGuard
from urllib.parse import SplitResult, urlsplit

import attrs

from dify_async._http.auth import AuthHeaders, Caller, checked_user
from dify_async._http.redaction import Secret
from dify_async._wire.operation import Credentials
from dify_async.errors import ConfigurationError, DecodeError, DifyError, LoginRequired, Unauthorized
from dify_async.operations import web as operations
from dify_async.options import CallOptions

_PASSPORT_REJECTED: Final = "unauthorized"
"""The error code for which a new passport may help."""

_CODE: Final = re.compile(r"[A-Za-z0-9_-]+")


@attrs.define(kw_only=True, eq=False)
class PassportAuth:
    """Credentials of one end user of one web app. The passport is fetched when first needed, and stored."""

    app_code: str
    user: str | None
    """The same user is the same visitor; without a user, each passport is a new visitor."""
    passport: Secret | None = attrs.field(default=None, repr=False)
    login_token: Secret | None = attrs.field(default=None, repr=False)
    """Identifies a logged-in account; required by apps that are not public."""
    _generation: int = attrs.field(default=0, init=False)
    """Number of fetched passports, to detect whether a new one was fetched since a request was sent."""
    _failure: DifyError | None = attrs.field(default=None, init=False, repr=False)
    """Why the last fetch failed, for calls that waited for it."""

    @classmethod
    def of(
        cls, app_code: str | None, user: str | None, passport: str | None, login_token: str | None
    ) -> Self:
        """Return credentials from the arguments, or from `DIFY_APP_CODE` and `DIFY_USER`."""
        return cls(
            app_code=checked_code(app_code),
            user=checked_user(user),
            passport=None if passport is None else checked_token(passport, "passport"),
            login_token=None if login_token is None else checked_token(login_token, "login_token"),
        )

    @property
    def sends_user(self) -> bool:
        """Return False: the passport identifies the end user."""
        return False

    @property
    def key(self) -> Hashable:
        """Return the app's code."""
        return self.app_code

    @property
    def secrets(self) -> list[str]:
        """Return the passport and the login token."""
        return [token for token in (self.passport, self.login_token) if token is not None]

    def for_user(self, user: str) -> Self:
        """Return credentials of another end user of the same app, with the same login."""
        return type(self)(app_code=self.app_code, user=checked_user(user), login_token=self.login_token)

    def log_in(self, token: Secret) -> None:
        """Use an account from now on; the next call fetches a new passport."""
        self.login_token, self.passport = token, None

    def log_out(self) -> None:
        """Delete the login and the passport."""
        self.login_token = self.passport = None

    async def headers(self, caller: Caller, credentials: Credentials) -> AuthHeaders:
        """Return the headers that an operation expects; fetch a passport if one is needed."""
        if credentials == "none":
            return AuthHeaders({})
        headers: dict[str, str] = {"X-App-Code": self.app_code}
        if credentials == "own":
            if self.passport is None:
                await self._renew(caller, self._generation)
            assert self.passport is not None
            # Servers before 1.9 read this header, newer ones X-App-Passport.
            headers["Authorization"] = Secret(f"Bearer {self.passport}")
        elif self.login_token is not None:
            headers["Authorization"] = Secret(f"Bearer {self.login_token}")
        if credentials != "code" and self.passport is not None:
            headers["X-App-Passport"] = self.passport
        return AuthHeaders(headers, self._generation)

    async def refreshed(
        self, caller: Caller, credentials: Credentials, rejected: AuthHeaders, error: Unauthorized
    ) -> AuthHeaders | None:
        """Return headers with a new passport, or None if a new one would not help."""
        may_help = error.code == _PASSPORT_REJECTED or (
            isinstance(error, LoginRequired) and self.login_token is not None
        )
        if credentials != "own" or not may_help:
            return None
        await self._renew(caller, rejected.generation)
        return await self.headers(caller, credentials)

    async def _renew(self, caller: Caller, rejected: int) -> None:
        """Fetch a passport, unless there is already a newer one than the rejected one."""
        lock = await caller.lock_for(self)
        waits = lock.locked()
        async with lock:
            if self.passport is not None and self._generation != rejected:
                return
            if waits and self._failure is not None:
                # All waiting calls fail with the same error. Otherwise each would wait for the timeouts of
                # the calls before it.
                raise copy.copy(self._failure)
            self._failure = None
            try:
                await self.fetch(caller)
            except DifyError as error:
                self._failure = copy.copy(error)
                raise

    async def fetch(self, caller: Caller, options: CallOptions | None = None) -> Secret:
        """Request a passport, and store it."""
        answer = await caller.call(operations.GET_PASSPORT, options or {}, query={"user_id": self.user})
        self.passport = received_token(answer.access_token, operations.GET_PASSPORT.name)
        self._generation += 1
        if self.user is None or self.login_token is not None:
            caller.forget_uploads()
        return self.passport


def checked_code(code: str | None) -> str:
    """Return the code of a web app, from the code itself or from the app's URL."""
    found = code if code is not None else os.environ.get("DIFY_APP_CODE", "")
    if (address := _address(code)) is not None:
        found = address.path.rstrip("/").rpartition("/")[2]
    if not isinstance(found, str) or not _CODE.fullmatch(found):
        raise ConfigurationError(
            "`app_code` must be the last part of the web app's URL, as in https://udify.app/chat/CODE: "
            "pass app_code= or set DIFY_APP_CODE"
        )
    return found


def server_of(code: str | None) -> str | None:
    """Return the server in a web app's URL: the part before `/chat/CODE`. None if `code` is only the code."""
    address = _address(code)
    if address is None:
        return None
    before = address.path.rstrip("/").rsplit("/", 2)[0]
    return f"{address.scheme}://{address.netloc}{before}"


def _address(code: str | None) -> SplitResult | None:
    found = code if code is not None else os.environ.get("DIFY_APP_CODE", "")
    try:
        return urlsplit(found) if isinstance(found, str) and "://" in found else None
    except ValueError:
        return None  # `checked_code` rejects it.


def received_token(token: object, operation: str) -> Secret:
    """Return a token that the server sent."""
    if not _is_token(token):
        raise DecodeError("the response contains no valid token", operation=operation)
    return Secret(token)


def checked_token(token: object, name: str) -> Secret:
    """Return a token that the caller passed. Errors never show it."""
    if not _is_token(token):
        raise ConfigurationError(
            f"`{name}` must be a token in the form in which the server sent it: a str without spaces"
        )
    return Secret(token)


def _is_token(token: object) -> TypeGuard[str]:
    return isinstance(token, str) and re.fullmatch("[!-~]+", token) is not None
