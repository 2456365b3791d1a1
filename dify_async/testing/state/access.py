"""Access to the web app: passports, logins, codes sent by e-mail."""

from __future__ import annotations

import secrets

import attrs

from dify_async.testing.ids import new_id


@attrs.define(kw_only=True)
class Login:
    """A login to the server. An app that is not public requires one before it issues a passport."""

    user: str
    """The e-mail address of an account, or the name at an identity provider."""
    internal: bool
    """True if the user has an account on the server."""
    token: str = attrs.field(factory=lambda: secrets.token_hex(16), repr=False)
    """The access token."""


@attrs.define(kw_only=True)
class Passport:
    """A token that allows one end user to use one web app."""

    token: str = attrs.field(repr=False)
    """The token that requests send."""
    session_id: str
    """The end user: the `user` of the Service API."""
    app_code: str
    """Code of the web app."""
    expires_at: float | None
    """Unix time; None if it does not expire."""
    login: Login | None
    """Login of the user. None if the app was public."""
    valid: bool = True
    """False after it was revoked."""


@attrs.define(kw_only=True)
class Challenge:
    """A code that was sent by e-mail, waiting to be entered."""

    email: str
    code: str
    purpose: str
    token: str = attrs.field(factory=new_id)
    wrong_codes: int = 0
