"""End users, by the server's own ids."""

from __future__ import annotations

from typing import Unpack

from dify_async.models.users import EndUserDetail
from dify_async.operations import app as operations
from dify_async.options import AppCallOptions
from dify_async.resources._base import Resource


class EndUsers(Resource):
    """The end users of the app."""

    async def get(self, end_user_id: str, **options: Unpack[AppCallOptions]) -> EndUserDetail:
        """Return an end user; its `session_id` is the `user` of requests.

        Args:
            end_user_id: The server's own id, for example the `created_by` of an upload.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: the app has no such end user.
            NotSupportedByServer: the server is older than the endpoint.
        """
        return await self._api.call(operations.GET_END_USER, options, ids={"end_user_id": end_user_id})
