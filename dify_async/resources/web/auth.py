"""Passports, and logins for web apps that are not public."""

from __future__ import annotations

import base64
from typing import Unpack

from dify_async._http.auth import is_text
from dify_async._http.passport import PassportAuth, received_token
from dify_async._http.redaction import Secret, hidden
from dify_async._types import Json
from dify_async._wire.operation import Operation
from dify_async.errors import ConfigurationError
from dify_async.models.auth import EmailCodeSent, Login, LoginStatus, ResetCheck
from dify_async.operations import web as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource


class Auth(Resource):
    """Log in to web apps that are not public. Community servers and Dify Cloud have only public apps.

    Public apps do not need a login: the passport is fetched with the first call. After `login` or
    `login_with_code`, the client stores the login and uses it from the next call on.
    """

    @property
    def _auth(self) -> PassportAuth:
        assert isinstance(self._api.auth, PassportAuth)
        return self._api.auth

    async def passport(self, **options: Unpack[CallOptions]) -> str:
        """Fetch a new passport, use it from now on, and return it.

        Usually not needed: calls fetch a passport automatically.

        Args:
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no app with this code, or its web page is disabled.
            LoginRequired: the app is not public.
        """
        return str(await self._auth.fetch(self._api, options))

    async def login(self, email: str, password: str, **options: Unpack[CallOptions]) -> Login:
        """Log in with a password; the next call fetches a new passport.

        Args:
            email: The account's e-mail address.
            password: The account's password. It is sent as base64, which is not encryption: use https.
            **options: See `CallOptions`.

        Raises:
            AuthenticationFailed: the password is wrong, or there is no such account.
            NotSupportedByServer: the server is not of the enterprise edition.
        """
        password = hidden(password)
        encoded = _encoded(password, "password")
        body = {"email": email, "password": encoded}
        return await self._log_in(operations.LOGIN, options, body, (password, encoded))

    async def send_login_code(
        self, email: str, *, language: str | None = None, **options: Unpack[CallOptions]
    ) -> EmailCodeSent:
        """Send a six-digit code by e-mail, for `login_with_code`.

        Args:
            email: The account's e-mail address.
            language: Language of the e-mail: `zh-Hans`, or anything else for English.
            **options: See `CallOptions`.

        Returns:
            A response whose `data` is the `token` for `login_with_code`, valid for five minutes.

        Raises:
            NotSupportedByServer: the server is not of the enterprise edition.
            RateLimited: too many e-mails.
        """
        return await self._api.call(operations.SEND_LOGIN_CODE, options, json=_mail(email, language))

    async def login_with_code(
        self, email: str, code: str, token: str, **options: Unpack[CallOptions]
    ) -> Login:
        """Log in with a code from an e-mail; the next call fetches a new passport.

        Args:
            email: The account's e-mail address.
            code: The six digits.
            token: The `data` that `send_login_code` returned.
            **options: See `CallOptions`.

        Raises:
            BadRequest: the code is wrong.
            ServerError: the token is unknown or older than five minutes (server 1.14).
            NotSupportedByServer: the server is not of the enterprise edition.
        """
        code, token = hidden(code), hidden(token)
        encoded = _encoded(code, "code")
        body = {"email": email, "code": encoded, "token": token}
        return await self._log_in(operations.LOGIN_WITH_CODE, options, body, (code, encoded, token))

    async def send_password_reset(
        self, email: str, *, language: str | None = None, **options: Unpack[CallOptions]
    ) -> EmailCodeSent:
        """Send a six-digit code by e-mail, for `check_password_reset`: the first of three steps.

        Args:
            email: The account's e-mail address.
            language: Language of the e-mail: `zh-Hans`, or anything else for English.
            **options: See `CallOptions`.

        Returns:
            A response whose `data` is the `token` for the second step.

        Raises:
            NotSupportedByServer: the server is not of the enterprise edition.
            RateLimited: too many e-mails.
        """
        return await self._api.call(operations.SEND_PASSWORD_RESET, options, json=_mail(email, language))

    async def check_password_reset(
        self, email: str, code: str, token: str, **options: Unpack[CallOptions]
    ) -> ResetCheck:
        """Verify the code from an e-mail: the second of three steps.

        Args:
            email: The account's e-mail address.
            code: The six digits.
            token: From the first step.
            **options: See `CallOptions`.

        Returns:
            A response whose `token` is for the third step. It differs from the token of the first step.

        Raises:
            BadRequest: the code or the token is wrong.
            NotSupportedByServer: the server is not of the enterprise edition.
        """
        code, token = hidden(code), hidden(token)
        body = {"email": email, "code": code, "token": token}
        return await self._api.call(
            operations.CHECK_PASSWORD_RESET, options, json=body, secrets=(code, token)
        )

    async def reset_password(self, token: str, new_password: str, **options: Unpack[CallOptions]) -> None:
        """Set a new password: the last of three steps.

        Args:
            token: From the second step.
            new_password: Eight characters or more, with a letter and a digit.
            **options: See `CallOptions`.

        Raises:
            BadRequest: the token is wrong, or the password is too weak.
            NotSupportedByServer: the server is not of the enterprise edition.
        """
        token, new_password = hidden(token), hidden(new_password)
        body = {"token": token, "new_password": new_password, "password_confirm": new_password}
        await self._api.call(operations.RESET_PASSWORD, options, json=body, secrets=(token, new_password))

    async def status(self, *, user_id: str | None = None, **options: Unpack[CallOptions]) -> LoginStatus:
        """Return whether an account is logged in, and whether the app accepts it.

        Args:
            user_id: Also check whether the passport belongs to this end user.
            **options: See `CallOptions`.

        Raises:
            BadRequest: there is no app with this code.
        """
        query = {"app_code": self._auth.app_code, "user_id": user_id}
        return await self._api.call(operations.GET_LOGIN_STATUS, options, query=query)

    async def logout(self, **options: Unpack[CallOptions]) -> None:
        """Delete the login and the passport from this client.

        The server does not revoke them: it only deletes a cookie.

        Args:
            **options: See `CallOptions`.
        """
        self._auth.log_out()
        await self._api.call(operations.LOGOUT, options)

    async def _log_in(
        self,
        operation: Operation[Login],
        options: CallOptions,
        body: dict[str, Json],
        secrets: tuple[str, ...],
    ) -> Login:
        login = await self._api.call(operation, options, json=body, secrets=secrets)
        self._auth.log_in(received_token(login.data.access_token, operation.name))
        return login


def _encoded(text: str, name: str) -> Secret:
    if not is_text(text):  # The value is not shown.
        raise ConfigurationError(f"`{name}` must be a non-empty str")
    return Secret(base64.b64encode(text.encode()).decode())


def _mail(email: str, language: str | None) -> dict[str, Json]:
    return {"email": email} if language is None else {"email": email, "language": language}
