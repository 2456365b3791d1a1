"""End users of an app, and members of the workspace."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async.models._base import Model, Received

__all__ = ["Account", "EndUser", "EndUserDetail"]


@attrs.define(kw_only=True, eq=False, repr=False)
class EndUser(Model):
    """The end user of a run."""

    id: str = ""
    """The server's id of the end user."""
    type: str = ""
    """Kind of end user: `service-api` (servers of 2024: `service_api`), `browser`, ..."""
    is_anonymous: bool = False
    """True if the request named no end user."""
    session_id: str | None = None
    """The `user` of the request."""


@attrs.define(kw_only=True, eq=False, repr=False)
class EndUserDetail(Received):
    """`GET /end-users/{id}`: an end user, by the server's id."""

    id: str = ""
    """The server's id of the end user, as in `created_by` of uploads and runs."""
    tenant_id: str = ""
    """The workspace's id."""
    app_id: str | None = None
    """The app's id."""
    type: str = ""
    """Kind of end user: `service-api` (servers of 2024: `service_api`), `browser`, ..."""
    external_user_id: str | None = None
    """The end user's id in an external system."""
    name: str | None = None
    """The end user's name."""
    is_anonymous: bool = False
    """True if the request named no end user."""
    session_id: str = ""
    """The `user` of the request."""
    created_at: datetime | None = None
    """When the end user was first seen."""
    updated_at: datetime | None = None
    """When the end user was last changed."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Account(Model):
    """A member of the workspace."""

    id: str = ""
    """The member's id."""
    name: str = ""
    """The member's name."""
    email: str = ""
    """The member's e-mail address."""
