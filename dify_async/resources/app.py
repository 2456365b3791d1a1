"""What an app tells about itself."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from dify_async._core import operations
from dify_async._core.core import Core
from dify_async._core.pager import Pager
from dify_async._core.request import Options
from dify_async.models import AppFeedback, AppInfo, AppMeta, AppParameters, AppSite
from dify_async.resources._asking import by_number, pages
from dify_async.settings import Timeouts


@attrs.frozen
class App:
    """The app that the key opens. None of these calls needs an end user."""

    _core: Core

    async def info(
        self, *, timeout: float | Timeouts | None = None, extra_headers: Mapping[str, str] | None = None
    ) -> AppInfo:
        """Get the app's name, description, tags and mode.

        Raises:
            NotSupportedByServer: the server is older than the operation.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(operations.GET_APP_INFO, options=options)

    async def parameters(
        self, *, timeout: float | Timeouts | None = None, extra_headers: Mapping[str, str] | None = None
    ) -> AppParameters:
        """Get the app's form, switches and limits.

        Raises:
            AppUnavailable: nothing is published (recording: `wf_unpublished_parameters`).
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(operations.GET_APP_PARAMETERS, options=options)

    async def meta(
        self, *, timeout: float | Timeouts | None = None, extra_headers: Mapping[str, str] | None = None
    ) -> AppMeta:
        """Get the icons of the app's tools."""
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(operations.GET_APP_META, options=options)

    async def site(
        self, *, timeout: float | Timeouts | None = None, extra_headers: Mapping[str, str] | None = None
    ) -> AppSite:
        """Get how the app's web page looks.

        Raises:
            Forbidden: the app has no site.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(operations.GET_APP_SITE, options=options)

    def feedbacks(
        self,
        *,
        limit: int = 20,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Pager[AppFeedback]:
        """List what people think of the app's answers, newest first.

        Args:
            limit: Entries a page, 1 to 100.
            timeout: Seconds for each page, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return pages(self._core, operations.LIST_APP_FEEDBACKS, {}, by_number, limit=limit, options=options)
