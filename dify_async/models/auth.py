"""Passports, logins and access to web apps."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async.models._base import Model, OpenEnum, Received, wire

__all__ = [
    "AccessMode",
    "AppAccess",
    "EmailCodeSent",
    "Login",
    "LoginStatus",
    "Passport",
    "Permission",
    "ResetCheck",
    "Token",
    "UploadToken",
]


@attrs.define(kw_only=True, eq=False, repr=False)
class Passport(Received):
    """A token that gives one end user access to one web app. For a public app it does not expire."""

    access_token: str = attrs.field(default="", repr=False)
    """The token."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Token(Model):
    """A token inside a response."""

    access_token: str = attrs.field(default="", repr=False)
    """The token."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Login(Received):
    """The response to a login. Its token is valid for a day, unless the server is configured differently."""

    result: str = ""
    """`success`."""
    data: Token = attrs.Factory(Token)
    """The token."""


@attrs.define(kw_only=True, eq=False, repr=False)
class LoginStatus(Received):
    """Whether the end user is logged in, and may use the app."""

    logged_in: bool = False
    """True if the login is valid."""
    app_logged_in: bool = False
    """True if the passport is valid for the app."""


@attrs.define(kw_only=True, eq=False, repr=False)
class EmailCodeSent(Received):
    """A code of six digits was sent by e-mail. It is valid for five minutes."""

    result: str = ""
    """`success`."""
    data: str = attrs.field(default="", repr=False)
    """Token that must be sent with the code."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ResetCheck(Received):
    """Whether the code of a password reset was correct."""

    is_valid: bool = False
    """True if the code was correct."""
    email: str = ""
    """The account's e-mail address."""
    token: str = attrs.field(default="", repr=False)
    """Token to set the new password with."""


class AppAccess(OpenEnum):
    """Who may use a web app. All values except `public` require a login, and an enterprise server."""

    PUBLIC = "public"
    """Everybody, without a login."""
    PRIVATE = "private"
    """Selected members and groups of the organization."""
    PRIVATE_ALL = "private_all"
    """All members of the organization."""
    SSO_VERIFIED = "sso_verified"
    """Everybody who has logged in by single sign-on."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AccessMode(Received):
    """Who may use the app."""

    access_mode: AppAccess = attrs.field(default=AppAccess.PUBLIC, metadata=wire("accessMode"))
    """The access mode."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Permission(Received):
    """Whether the user who is logged in may use the app."""

    result: bool = False
    """True if the user may use the app."""


@attrs.define(kw_only=True, eq=False, repr=False)
class UploadToken(Received):
    """A token for uploading files to a form."""

    upload_token: str = attrs.field(default="", repr=False)
    """The token."""
    expires_at: datetime | None = None
    """When the form expires."""
