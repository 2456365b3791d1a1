"""The models of the Service API, compared with a description of the API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dify_async import models
from dify_async._wire.blocking import BlockingMessage, BlockingRun, BlockingRunData
from dify_async._wire.operation import Operation
from dify_async.models import messages
from dify_async.operations import knowledge as knowledge_operations
from tests.support import operations
from tests.support.contract import description, fields_of, misfits

MODELS: dict[str, Any] = {
    "Annotation": models.Annotation,
    "AnnotationJob": models.AnnotationJob,
    "AnnotationJobStatus": models.AnnotationJob,
    "AnnotationPage": models.Page[models.Annotation],
    "AppInfo": models.AppInfo,
    "AppMeta": models.AppMeta,
    "AppParameters": models.AppParameters,
    "AppSite": models.AppSite,
    "BoundTag": models.KnowledgeTag,
    "BoundTagList": models.Page[models.KnowledgeTag],
    "BuiltInField": models.MetadataField,
    "BuiltInFields": models.BuiltInFields,
    "AudioTranscript": models.Transcript,
    "ChatBlockingResponse": BlockingMessage,
    "ChatPausedData": BlockingRunData,
    "ChatPausedResponse": BlockingMessage,
    "ChildChunk": models.ChildChunk,
    "ChildChunkPage": models.Page[models.ChildChunk],
    "ChildChunkResult": models.ChildChunkAnswer,
    "CompletionBlockingResponse": BlockingMessage,
    "Conversation": models.Conversation,
    "ConversationPage": models.Page[models.Conversation],
    "ConversationVariable": models.ConversationVariable,
    "ConversationVariablePage": models.Page[models.ConversationVariable],
    "Dataset": models.Dataset,
    "DatasetDetail": models.Dataset,
    "DatasetDocMetadata": models.MetadataField,
    "DatasetExternalKnowledgeInfo": models.ExternalKnowledge,
    "DatasetExternalRetrievalModel": models.ExternalRetrievalModel,
    "DatasetIconInfo": models.DatasetIcon,
    "DatasetKeywordSetting": models.KeywordWeight,
    "DatasetPage": models.Page[models.Dataset],
    "DatasetRerankingModel": models.RerankingModel,
    "DatasetRetrievalModel": models.RetrievalModel,
    "DatasetSummaryIndexSetting": models.SummaryIndexSetting,
    "DatasetTag": models.KnowledgeTag,
    "DatasetVectorSetting": models.VectorWeight,
    "DatasetWeights": models.RetrievalWeights,
    "DatasourcePlugin": models.DatasourcePlugin,
    "Document": models.Document,
    "DocumentAndBatch": models.DocumentAndBatch,
    "DocumentDetail": models.Document,
    "DocumentMetadata": models.MetadataValue,
    "DocumentPage": models.Page[models.Document],
    "EndUserDetail": models.EndUserDetail,
    "FeedbackList": models.Page[models.AppFeedback],
    "FeedbackRecord": models.AppFeedback,
    "HumanInputContent": models.ExtraContent,
    "HumanInputForm": models.HumanInputForm,
    "HumanInputFormDefinition": models.FormContent,
    "HumanInputFormSubmissionData": models.FormSubmission,
    "I18nText": models.LocalizedText,
    "IndexInfo": models.ServerInfo,
    "IndexingStatus": models.IndexingStatus,
    "IndexingStatusList": models.Page[models.IndexingStatus],
    "KnowledgeTag": models.KnowledgeTag,
    "Message": models.Message,
    "MessageAgentThought": models.StoredThought,
    "MessageFeedback": models.Feedback,
    "MessageFile": models.MessageFile,
    "MessageMetadata": models.MessageMetadata,
    "MessagePage": models.Page[models.Message],
    "MessageRetrieverResource": messages.RetrieverResource,
    "MetadataField": models.MetadataField,
    "MetadataList": models.MetadataFields,
    "MetadataListItem": models.MetadataField,
    "ModelEntry": models.ProviderModel,
    "ModelProvider": models.ModelProvider,
    "ModelProviderList": models.Page[models.ModelProvider],
    "PipelineDataset": models.PipelineDataset,
    "PipelineDocument": models.Document,
    "PipelineRunResult": models.PipelineRunResult,
    "PipelineUploadedFile": models.PipelineFile,
    "RetrieveChildChunk": models.ChildChunk,
    "RetrieveDocument": models.RetrievedDocument,
    "RetrieveFile": models.SegmentFile,
    "RetrieveQuery": models.RetrievedQuery,
    "RetrieveRecord": models.RetrievedRecord,
    "RetrieveResponse": models.RetrievalResult,
    "RetrieveSegment": models.Segment,
    "Segment": models.Segment,
    "SegmentAttachment": models.SegmentFile,
    "SegmentCreateResult": models.Page[models.Segment],
    "SegmentPage": models.Page[models.Segment],
    "SegmentResult": models.SegmentAnswer,
    "SimpleAccount": models.Account,
    "SimpleEndUser": models.EndUser,
    "SimpleResult": models.Success,
    "SuggestedQuestions": models.SuggestedQuestions,
    "SystemParameters": models.SystemParameters,
    "UploadedFile": models.UploadedFile,
    "UrlResponse": models.DownloadAddress,
    "WorkflowBlockingData": BlockingRunData,
    "WorkflowBlockingResponse": BlockingRun,
    "WorkflowLog": models.WorkflowLog,
    "WorkflowLogPage": models.Page[models.WorkflowLog],
    "WorkflowRunDetail": models.WorkflowRun,
    "WorkflowRunForLog": models.LoggedRun,
}
OF_REQUESTS: dict[str, Any] = {
    "Condition": models.MetadataCondition,
    "DocumentMetadataOperation": models.DocumentMetadata,
    "MetadataDetail": models.MetadataValue,
    "MetadataFilteringCondition": models.MetadataFilter,
    "PreProcessingRule": models.PreProcessingRule,
    "ProcessRule": models.ProcessRule,
    "RerankingModel": models.RerankingModel,
    "RetrievalModel": models.RetrievalModel,
    "Rule": models.ProcessRules,
    "SegmentCreateItemPayload": models.NewSegment,
    "Segmentation": models.Segmentation,
    "WeightKeywordSetting": models.KeywordWeight,
    "WeightModel": models.RetrievalWeights,
    "WeightVectorSetting": models.VectorWeight,
}
"""Settings that requests contain."""

OF_STREAMS: dict[str, Any] = {
    "FormInput": models.FormInput,
    "PauseReason": models.PauseReason,
    "RetrieverResource": messages.RetrieverResource,
    "Usage": models.Usage,
    "UserAction": models.FormAction,
}
"""Those that are described with the events."""

NO_MODELS = {"EmptyObject": "always empty"}


def schemas_of_answers() -> set[str]:
    """Return the schemas of the responses of all operations, nested ones included."""
    described = description("service")
    found: set[str] = set()
    ahead = [name for operation in described["operations"] for name in schemas_in(operation["responses"])]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += schemas_in(described["schemas"].get(name, {}))
    return found


def schemas_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"ref", "schema", "paused_schema"}:
                yield inner
            else:
                yield from schemas_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from schemas_in(inner)


def test_every_response_schema_has_a_model_or_a_reason() -> None:
    assert MODELS.keys() | OF_STREAMS.keys() | NO_MODELS.keys() == schemas_of_answers()
    assert not MODELS.keys() & NO_MODELS.keys()


@pytest.mark.parametrize("name", MODELS | OF_REQUESTS)
def test_every_field_of_a_schema_is_in_its_model(name: str) -> None:
    assert misfits("service", name, MODELS | OF_STREAMS | OF_REQUESTS) == []


ALIASES = {
    "hit_testing": "the same as retrieve",
    "create_document_by_file_deprecated": "the same as create-by-file",
    "create_document_by_text_deprecated": "the same as create-by-text",
    "update_document_by_file_deprecated": "the same as PATCH",
    "update_document_by_file_post": "the same as PATCH",
    "update_document_by_text_deprecated": "the same as update-by-text",
}
"""Deprecated operations that the SDK leaves out."""
NOT_DESCRIBED = {("GET", "/files")}
"""Signed addresses of files, which the server sends."""


def without_names(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def test_every_operation_is_in_the_tables_with_the_place_of_its_end_user() -> None:
    described = {
        (one["method"], without_names(one["path"])): {
            param["in"] for param in one["params"] if param["name"] == "user"
        }
        for one in description("service")["operations"]
        if one["id"] not in ALIASES
    }
    ours = {
        (one.method, without_names(one.path)): {one.user} if one.user is not None else set()
        for table in (operations, knowledge_operations)
        for one in vars(table).values()
        if isinstance(one, Operation)
    }
    assert ours.keys() - NOT_DESCRIBED == described.keys()
    assert {key: ours[key] for key in described} == described


def test_operations_described_as_empty_return_none() -> None:
    assert fields_of("service", "EmptyObject") == {}
