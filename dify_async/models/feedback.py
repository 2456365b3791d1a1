"""Ratings of answers."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async.models._base import Model, Received

__all__ = ["AppFeedback", "Feedback"]


@attrs.define(kw_only=True, eq=False, repr=False)
class Feedback(Model):
    """The rating of an answer."""

    rating: str | None = None
    """`like`, `dislike`, or None."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AppFeedback(Received):
    """A rating of one of the app's messages, with the details that the app's owner sees."""

    id: str = ""
    """The rating's id."""
    app_id: str = ""
    """The app's id."""
    conversation_id: str = ""
    """The conversation of the message."""
    message_id: str = ""
    """The rated message."""
    rating: str = ""
    """`like` or `dislike`."""
    content: str | None = None
    """The comment."""
    from_source: str = ""
    """`user` (an end user) or `admin` (a member)."""
    from_end_user_id: str | None = None
    """The server's id of the end user who rated the message."""
    from_account_id: str | None = None
    """Id of the member who rated the message."""
    created_at: datetime | None = None
    """When the rating was created."""
    updated_at: datetime | None = None
    """When the rating was last changed."""
