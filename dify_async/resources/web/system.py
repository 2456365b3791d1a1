"""Information about the server of a web app."""

from __future__ import annotations

from typing import Unpack

from dify_async.models.system import SystemFeatures
from dify_async.operations import web as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource


class System(Resource):
    """Information about the server."""

    async def features(self, **options: Unpack[CallOptions]) -> SystemFeatures:
        """Return the server's features, for example whether its web apps may require a login.

        Args:
            **options: See `CallOptions`.
        """
        return await self._api.call(operations.GET_SYSTEM_FEATURES, options)
