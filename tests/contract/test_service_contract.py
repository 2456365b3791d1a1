"""The models of the Service API's answers, held against a description of the real server's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dify_async import models
from dify_async._wire.blocking import BlockingMessage, BlockingRun, BlockingRunData
from dify_async.models import messages
from tests.support.contract import description, fields_of, misfits

GROUPS = {
    "annotation", "app", "audio", "chat", "completion", "conversation", "end-user", "file", "human-input",
    "message", "server", "workflow",
}  # fmt: skip
"""The operations that an app's key opens."""

MODELS: dict[str, Any] = {
    "Annotation": models.Annotation,
    "AnnotationJob": models.AnnotationJob,
    "AnnotationJobStatus": models.AnnotationJob,
    "AnnotationPage": models.Page[models.Annotation],
    "AppInfo": models.AppInfo,
    "AppMeta": models.AppMeta,
    "AppParameters": models.AppParameters,
    "AppSite": models.AppSite,
    "AudioTranscript": models.Transcript,
    "ChatBlockingResponse": BlockingMessage,
    "ChatPausedData": BlockingRunData,
    "ChatPausedResponse": BlockingMessage,
    "CompletionBlockingResponse": BlockingMessage,
    "Conversation": models.Conversation,
    "ConversationPage": models.Page[models.Conversation],
    "ConversationVariable": models.ConversationVariable,
    "ConversationVariablePage": models.Page[models.ConversationVariable],
    "EndUserDetail": models.EndUserDetail,
    "FeedbackList": models.Page[models.AppFeedback],
    "FeedbackRecord": models.AppFeedback,
    "HumanInputContent": models.ExtraContent,
    "HumanInputForm": models.HumanInputForm,
    "HumanInputFormDefinition": models.FormContent,
    "HumanInputFormSubmissionData": models.FormSubmission,
    "IndexInfo": models.ServerInfo,
    "Message": models.Message,
    "MessageAgentThought": models.StoredThought,
    "MessageFeedback": models.Feedback,
    "MessageFile": models.MessageFile,
    "MessageMetadata": models.MessageMetadata,
    "MessagePage": models.Page[models.Message],
    "MessageRetrieverResource": messages.RetrieverResource,
    "SimpleAccount": models.Account,
    "SimpleEndUser": models.EndUser,
    "SimpleResult": models.Success,
    "SuggestedQuestions": models.SuggestedQuestions,
    "SystemParameters": models.SystemParameters,
    "UploadedFile": models.UploadedFile,
    "WorkflowBlockingData": BlockingRunData,
    "WorkflowBlockingResponse": BlockingRun,
    "WorkflowLog": models.WorkflowLog,
    "WorkflowLogPage": models.Page[models.WorkflowLog],
    "WorkflowRunDetail": models.WorkflowRun,
    "WorkflowRunForLog": models.LoggedRun,
}
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
    """Give the schemas of what the operations answer, and of what these hold."""
    described = description("service")
    found: set[str] = set()
    ahead = [
        name
        for operation in described["operations"]
        if operation["group"] in GROUPS
        for name in schemas_in(operation["responses"])
    ]
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


def test_every_schema_of_an_answer_is_a_model_or_has_a_reason() -> None:
    assert MODELS.keys() | OF_STREAMS.keys() | NO_MODELS.keys() == schemas_of_answers()
    assert not MODELS.keys() & NO_MODELS.keys()


@pytest.mark.parametrize("name", MODELS)
def test_every_field_of_a_schema_is_one_of_its_model(name: str) -> None:
    assert misfits("service", name, MODELS | OF_STREAMS) == []


def test_what_is_described_as_empty_is_so() -> None:
    assert fields_of("service", "EmptyObject") == {}
