"""The models of the workspace."""

from __future__ import annotations

from typing import Unpack

from dify_async._http.pager import Pager
from dify_async.models.providers import ModelProvider
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource, one_page


class Models(Resource):
    """The models that the workspace can use."""

    def list(self, model_type: str, **options: Unpack[CallOptions]) -> Pager[ModelProvider]:
        """List the providers of a type of models, with their models. The server sends them at once.

        Args:
            model_type: `llm`, `text-embedding`, `rerank`, `speech2text`, `moderation` or `tts`.
            **options: See `CallOptions`.

        Raises:
            InvalidParam: there is no such type.
        """
        return one_page(self._api, operations.LIST_MODELS, options, ids={"model_type": model_type})
