"""Responses that only confirm a request."""

from __future__ import annotations

import attrs

from dify_async.models._base import Received

__all__ = ["Stopped", "Success"]


@attrs.define(kw_only=True, eq=False, repr=False)
class Success(Received):
    """A response that only confirms the request."""

    result: str = ""
    """`success`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Stopped(Success):
    """The response to a stop request. `result` is `success` even if the task is unknown or has ended."""
