"""Knowledge pipelines, which turn the content of data sources into documents."""

from __future__ import annotations

from typing import Unpack

import attrs

from dify_async._http.pager import Pager
from dify_async.files import FileSource, InputFile
from dify_async.models import DatasourcePlugin, PipelineFile
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource, one_page
from dify_async.resources.uploads import upload_of


@attrs.frozen
class Pipeline(Resource):
    """The pipelines of knowledge bases whose `runtime_mode` is `rag_pipeline`."""

    def datasource_plugins(
        self, dataset_id: str, *, is_published: bool | None = None, **options: Unpack[CallOptions]
    ) -> Pager[DatasourcePlugin]:
        """List the data source nodes of a pipeline. The server sends them at once, on one page.

        Args:
            dataset_id: The knowledge base's id.
            is_published: False for those of the draft. Servers 1.14 to 1.16 take it for True. Default: True.
            **options: See `CallOptions`.

        Raises:
            InvalidParam: the knowledge base has no pipeline.
            NotSupportedByServer: the server is older than the endpoint.
        """
        query, ids = {"is_published": is_published}, {"dataset_id": dataset_id}
        return one_page(self._api, operations.LIST_DATASOURCE_PLUGINS, options, query=query, ids=ids)

    async def upload_file(
        self,
        file: FileSource | InputFile,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        **options: Unpack[CallOptions],
    ) -> PipelineFile:
        """Upload a file for the run of a pipeline.

        Args:
            file: A path, bytes, a file opened in binary mode, an async iterable of bytes, or an `InputFile`.
            name: The name to store. Default: the name of the source; required for bytes and iterables.
            mime_type: The declared MIME type. Default: by the extension.
            **options: See `CallOptions`.

        Raises:
            InvalidParam: the file is too large or of an unsupported type (servers 1.14 to 1.16).
            FileTooLarge: the file is larger than the server's limit.
            UnsupportedFileType: the server cannot read files of this type.
            ConfigurationError: the file cannot be read, or has no name.
        """
        upload = upload_of(file, name, mime_type)
        return await self._api.call(operations.UPLOAD_PIPELINE_FILE, options, file=upload)
