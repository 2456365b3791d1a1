"""Knowledge pipelines, which turn the content of data sources into documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack, cast

from dify_async._http.pager import Pager
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.stream import EventStream
from dify_async._types import Json
from dify_async._wire.results import WorkflowAccumulator
from dify_async._wire.results.datasource import DatasourceAccumulator
from dify_async.errors import ConfigurationError
from dify_async.events import DatasourceEvent, WorkflowEvent
from dify_async.files import FileSource, InputFile
from dify_async.models.pipeline import DatasourcePlugin, DatasourceResult, PipelineFile, PipelineRunResult
from dify_async.models.results import WorkflowResult
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions, RunOptions
from dify_async.resources._base import Resource, given, one_page, sendable_list
from dify_async.resources.uploads import upload_of


class Pipeline(Resource):
    """The pipelines of knowledge bases whose `runtime_mode` is `rag_pipeline`.

    ```python
    async with client.pipeline.stream_datasource(dataset_id, node_id, "online_document", {}) as run:
        found = await run.result()
    ```
    """

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

    def stream_datasource(
        self,
        dataset_id: str,
        node_id: str,
        datasource_type: str,
        inputs: Mapping[str, Json],
        *,
        credential_id: str | None = None,
        is_published: bool = True,
        **options: Unpack[RunOptions],
    ) -> EventStream[DatasourceEvent, DatasourceResult]:
        """Run a data source node, and stream what it returns: the entries that `run` can turn into documents.

        Leaving the stream early ends the node. There is nothing to recover: an interrupted stream has to be
        started again.

        Args:
            dataset_id: The knowledge base's id.
            node_id: From `DatasourcePlugin.node_id`.
            datasource_type: `online_document`, `website_crawl` or `online_drive`.
            inputs: The values of `DatasourcePlugin.user_input_variables`.
            credential_id: One of `DatasourcePlugin.credentials`. Default: the default one.
            is_published: False for the node of the draft.
            **options: See `RunOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            ServerError: the node failed (`datasource_error`).
            StreamInterrupted: the connection broke.
            NotSupportedByServer: the server is older than the endpoint.
        """
        body = {
            "inputs": _checked_inputs(inputs),
            "datasource_type": datasource_type,
            "is_published": is_published,
        }
        request = self._api.build(
            operations.RUN_DATASOURCE,
            options,
            ids={"dataset_id": dataset_id, "node_id": node_id},
            json={**body, **given(credential_id=credential_id)},
        )
        spec = RunSpec(request=request, kind="workflow", stop=None)
        return EventStream(self._api, spec, DatasourceAccumulator())

    async def run(
        self,
        dataset_id: str,
        start_node_id: str,
        datasource_type: str,
        datasource_info_list: Sequence[Mapping[str, Json]],
        inputs: Mapping[str, Json],
        **options: Unpack[RunOptions],
    ) -> PipelineRunResult:
        """Start the published pipeline, and return the documents that it makes and their batch.

        The work goes on in the background: `documents.wait_indexed` waits for it.

        Args:
            dataset_id: The knowledge base's id.
            start_node_id: From `DatasourcePlugin.node_id`.
            datasource_type: `local_file`, `online_document`, `website_crawl` or `online_drive`.
            datasource_info_list: What to take from the data source, one object for each document. For
                `local_file` the `related_id` of each is the id of a file that was uploaded by `upload_file`.
            inputs: The values of the pipeline's input form.
            **options: See `RunOptions`.

        Raises:
            ServerError: the pipeline cannot be run (`pipeline_run_error`), also for wrong arguments.
            NotFound: there is no such knowledge base.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
            NotSupportedByServer: the server is older than the endpoint.
        """
        body = _run_body(start_node_id, datasource_type, datasource_info_list, inputs)
        body |= {"is_published": True, "response_mode": "blocking"}
        ids = {"dataset_id": dataset_id}
        return await self._api.call(operations.RUN_PIPELINE, options, ids=ids, json=body)

    def stream_draft(
        self,
        dataset_id: str,
        start_node_id: str,
        datasource_type: str,
        datasource_info_list: Sequence[Mapping[str, Json]],
        inputs: Mapping[str, Json],
        **options: Unpack[RunOptions],
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        """Run the draft of the pipeline, and stream its events, which are those of workflows.

        Leaving the stream early does not end the run, and a run whose stream is interrupted cannot be found
        again.

        Args:
            dataset_id: The knowledge base's id.
            start_node_id: From `DatasourcePlugin.node_id`.
            datasource_type: `local_file`, `online_document`, `website_crawl` or `online_drive`.
            datasource_info_list: What to take from the data source, as for `run`.
            inputs: The values of the pipeline's input form.
            **options: See `RunOptions`.

        Raises:
            ServerError: the pipeline cannot be run (`pipeline_run_error`), also for wrong arguments.
            RunFailed: the run failed.
            StreamInterrupted: the connection broke.
            NotSupportedByServer: the server is older than the endpoint.
        """
        body = _run_body(start_node_id, datasource_type, datasource_info_list, inputs)
        body |= {"is_published": False, "response_mode": "streaming"}
        ids = {"dataset_id": dataset_id}
        request = self._api.build(operations.RUN_PIPELINE, options, ids=ids, json=body)
        return EventStream(
            self._api, RunSpec(request=request, kind="workflow", stop=None), WorkflowAccumulator()
        )


def _run_body(
    start_node_id: str,
    datasource_type: str,
    datasource_info_list: Sequence[Mapping[str, Json]],
    inputs: Mapping[str, Json],
) -> dict[str, Json]:
    return {
        "inputs": _checked_inputs(inputs),
        "datasource_type": datasource_type,
        "datasource_info_list": sendable_list("datasource_info_list", datasource_info_list),
        "start_node_id": start_node_id,
    }


def _checked_inputs(inputs: object) -> dict[str, Json]:
    if not isinstance(inputs, Mapping):
        raise ConfigurationError(f"`inputs` must be a mapping of names to values, got {inputs!r:.100}")
    return dict(cast(Mapping[str, Json], inputs))
