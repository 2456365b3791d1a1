"""The blocking client of the Knowledge part of the Service API: one line per method."""

from __future__ import annotations

from typing import Any

from dify_async._http.redaction import hidden, hidden_settings
from dify_async.clients import knowledge as clients
from dify_async.resources.knowledge import (
    child_chunks,
    datasets,
    documents,
    metadata,
    models,
    pipeline,
    segments,
    tags,
)
from dify_async.sync._base import Client, client_view
from dify_async.sync.wrap import (
    Blocking,
    blocking,
    blocking_pager,
    blocking_stream,
    blocking_sync,
    blocking_uploads,
    resource,
    with_arguments_of,
)


class Datasets(Blocking):
    """The knowledge bases of the workspace."""

    list = blocking_pager(datasets.Datasets.list)
    create = blocking(datasets.Datasets.create)
    get = blocking(datasets.Datasets.get)
    update = blocking(datasets.Datasets.update)
    delete = blocking(datasets.Datasets.delete)
    retrieve = blocking(datasets.Datasets.retrieve)


class Documents(Blocking):
    """The documents of knowledge bases.

    ```python
    rule = ProcessRule(mode="automatic")
    created = client.documents.create_by_text(
        dataset_id, "Lisbon", text, indexing_technique="economy", process_rule=rule
    )
    client.documents.wait_indexed(dataset_id, created.batch)
    ```

    A document can be found once it is indexed, which happens in the background.
    """

    create_by_text = blocking(documents.Documents.create_by_text)
    create_by_file = blocking(documents.Documents.create_by_file)
    update_by_text = blocking(documents.Documents.update_by_text)
    update_by_file = blocking(documents.Documents.update_by_file)
    list = blocking_pager(documents.Documents.list)
    get = blocking(documents.Documents.get)
    delete = blocking(documents.Documents.delete)
    update_status = blocking(documents.Documents.update_status)
    indexing_status = blocking(documents.Documents.indexing_status)
    wait_indexed = blocking(documents.Documents.wait_indexed)
    upload_many = blocking_uploads(documents.Documents.upload_many)
    sync_folder = blocking_sync(documents.Documents.sync_folder)
    download = blocking(documents.Documents.download)
    download_address = blocking(documents.Documents.download_address)
    download_zip = blocking(documents.Documents.download_zip)


class Segments(Blocking):
    """The chunks of documents."""

    list = blocking_pager(segments.Segments.list)
    create = blocking(segments.Segments.create)
    get = blocking(segments.Segments.get)
    update = blocking(segments.Segments.update)
    delete = blocking(segments.Segments.delete)


class ChildChunks(Blocking):
    """The child chunks of chunks."""

    list = blocking_pager(child_chunks.ChildChunks.list)
    create = blocking(child_chunks.ChildChunks.create)
    update = blocking(child_chunks.ChildChunks.update)
    delete = blocking(child_chunks.ChildChunks.delete)


class Metadata(Blocking):
    """The metadata fields of knowledge bases, and their values in documents.

    ```python
    value = MetadataValue(id=field.id, name=field.name, value="en")
    change = DocumentMetadata(document_id=document.id, metadata_list=[value], partial_update=True)
    client.metadata.update_documents(dataset_id, [change])
    ```
    """

    fields = blocking(metadata.Metadata.fields)
    create = blocking(metadata.Metadata.create)
    update = blocking(metadata.Metadata.update)
    delete = blocking(metadata.Metadata.delete)
    built_in_fields = blocking(metadata.Metadata.built_in_fields)
    switch_built_in_fields = blocking(metadata.Metadata.switch_built_in_fields)
    update_documents = blocking(metadata.Metadata.update_documents)


class Tags(Blocking):
    """The tags of the workspace's knowledge bases."""

    list = blocking_pager(tags.Tags.list)
    of_dataset = blocking_pager(tags.Tags.of_dataset)
    create = blocking(tags.Tags.create)
    update = blocking(tags.Tags.update)
    delete = blocking(tags.Tags.delete)
    bind = blocking(tags.Tags.bind)
    unbind = blocking(tags.Tags.unbind)


class Pipeline(Blocking):
    """The pipelines of knowledge bases whose `runtime_mode` is `rag_pipeline`.

    ```python
    with client.pipeline.stream_datasource(dataset_id, node_id, "online_document", {}) as run:
        found = run.result()
    ```
    """

    datasource_plugins = blocking_pager(pipeline.Pipeline.datasource_plugins)
    upload_file = blocking(pipeline.Pipeline.upload_file)
    stream_datasource = blocking_stream(pipeline.Pipeline.stream_datasource)
    run = blocking(pipeline.Pipeline.run)
    stream_draft = blocking_stream(pipeline.Pipeline.stream_draft)


class Models(Blocking):
    """The models that the workspace can use."""

    list = blocking_pager(models.Models.list)


class KnowledgeClient(Client):
    """The knowledge bases of a workspace, by its API key. Blocking.

    ```python
    with KnowledgeClient("dataset-...") as client:
        for dataset in client.datasets.list():
            ...
    ```

    Takes the arguments of `dify_async.KnowledgeClient`, except that `session` is rejected, because a session
    belongs to an event loop. A `limiter` is used in the event loop of the blocking clients. Any number of
    threads may share a client. It continues to work in a forked child, with connections of its own, and
    pickles as its settings; the pickle contains the key.
    """

    datasets = resource(Datasets)
    documents = resource(Documents)
    segments = resource(Segments)
    child_chunks = resource(ChildChunks)
    metadata = resource(Metadata)
    tags = resource(Tags)
    pipeline = resource(Pipeline)
    models = resource(Models)

    @with_arguments_of(clients.KnowledgeClient)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        args, kwargs = tuple(map(hidden, args)), hidden_settings(kwargs)
        super().__init__(clients.KnowledgeClient, args, kwargs)

    for_key = client_view(clients.KnowledgeClient.for_key)
