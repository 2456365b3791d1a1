"""The operations and models of the Web API, compared with a description of the API."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from dify_async import models
from dify_async._wire.blocking import BlockingMessage
from dify_async._wire.operation import Operation
from dify_async.models import messages
from dify_async.operations import web as web_operations
from tests.support import operations
from tests.support.contract import description, misfits

MODELS: dict[str, Any] = {
    "AccessModeResponse": models.AccessMode,
    "AccessTokenData": models.Passport,
    "AccessTokenResultResponse": models.Login,
    "BooleanResultResponse": models.Permission,
    "LoginStatusResponse": models.LoginStatus,
    "SimpleResultDataResponse": models.EmailCodeSent,
    "SimpleResultResponse": models.Success,
    "ResultResponse": models.Success,
    "VerificationTokenResponse": models.ResetCheck,
    "AppMetaResponse": models.AppMeta,
    "AppSiteInfoResponse": models.WebSite,
    "SiteCustomConfig": models.SiteCustomConfig,
    "AppSiteModelConfigResponse": models.SiteModelConfig,
    "AppSiteResponse": models.AppSite,
    "Parameters": models.AppParameters,
    "FileUploadFeature": models.FileUpload,
    "SystemParameters": models.SystemParameters,
    "SystemFeatureModel": models.SystemFeatures,
    "BrandingModel": models.Branding,
    "LicenseModel": models.License,
    "LicenseLimitationModel": models.LicenseLimitation,
    "PluginManagerModel": models.PluginManager,
    "PluginInstallationPermissionModel": models.PluginInstallationPermission,
    "WebAppAuthModel": models.WebAppAuth,
    "WebAppAuthSSOModel": models.WebAppAuthSso,
    "ChatBlockingResponse": BlockingMessage,
    "CompletionBlockingResponse": BlockingMessage,
    "AdvancedChatPausedResponse": BlockingMessage,
    "SimpleMetadata": models.MessageMetadata,
    "SimpleRetrieverResource": messages.RetrieverResource,
    "RetrieverResource": messages.RetrieverResource,
    "PauseReason": models.PauseReason,
    "ConversationInfiniteScrollPagination": models.Page[models.Conversation],
    "SimpleConversation": models.Conversation,
    "WebMessageInfiniteScrollPagination": models.Page[models.Message],
    "WebMessageListItem": models.Message,
    "SimpleFeedback": models.Feedback,
    "AgentThought": models.StoredThought,
    "MessageFile": models.MessageFile,
    "RunFile": models.RunFile,
    "SuggestedQuestionsResponse": models.SuggestedQuestions,
    "SavedMessageInfiniteScrollPagination": models.Page[models.SavedMessage],
    "SavedMessageItem": models.SavedMessage,
    "FileResponse": models.UploadedFile,
    "FileWithSignedUrl": models.RemoteFile,
    "RemoteFileInfo": models.RemoteFileInfo,
    "AudioTranscriptResponse": models.Transcript,
    "HumanInputFormDefinitionResponse": models.HumanInputForm,
    "HumanInputUploadTokenResponse": models.UploadToken,
    "ParagraphInputConfig": models.FormInput,
    "SelectInputConfig": models.FormInput,
    "FileInputConfig": models.FormInput,
    "FileListInputConfig": models.FormInput,
    "UserActionConfig": models.FormAction,
    "HumanInputContent": models.ExtraContent,
    "HumanInputFormDefinition": models.FormContent,
    "HumanInputFormSubmissionData": models.FormSubmission,
    "FileType": models.FileType,
    "FileTransferMethod": models.TransferMethod,
}

_ARGUMENTS = "what is sent: the arguments of a method"
_TEXT = "a text, for servers add to it"
_OPEN = "any JSON: given as it came"
NO_MODELS = {
    **dict.fromkeys(
        [
            "AppAccessModeQuery", "AppPermissionQuery", "PassportQuery", "LoginPayload", "LoginStatusQuery",
            "EmailCodeLoginSendPayload", "EmailCodeLoginVerifyPayload", "ForgotPasswordSendPayload",
            "ForgotPasswordCheckPayload", "ForgotPasswordResetPayload", "ChatMessagePayload",
            "CompletionMessagePayload", "WorkflowRunPayload", "FileMapping", "ConversationListQuery",
            "ConversationRenamePayload", "MessageListQuery", "MessageFeedbackPayload", "MessageMoreLikeThisQuery",
            "SavedMessageListQuery", "SavedMessageCreatePayload", "RemoteFileUploadPayload", "TextToAudioPayload",
            "HumanInputFormSubmitPayload", "HumanInputFileUploadFormPayload",
        ],
        _ARGUMENTS,
    ),
    **dict.fromkeys(
        ["LicenseStatus", "PluginInstallationScope", "ButtonStyle", "ExecutionContentType", "ValueSourceType"], _TEXT
    ),
    **dict.fromkeys(
        ["ToolIcon", "StringSource", "StringListSource", "JSONObject", "JSONValue", "JSONValueType", "JsonValue"], _OPEN
    ),
    "GeneratedAppResponse": "a stream or one of the blocking answers",
    "SseStream": "the events of `dify_async.events`",
    "EventStreamResponse": "the events of `dify_async.events`",
    "AudioBinaryResponse": "bytes",
    "HumanInputFormSubmitResponse": "always empty",
    "FormInputConfig": "one of the four kinds of inputs, which are one model",
    "ErrorBody": "`ApiError`",
}  # fmt: skip


def test_every_schema_has_a_model_or_a_reason() -> None:
    assert MODELS.keys() | NO_MODELS.keys() == description("web")["schemas"].keys()
    assert not MODELS.keys() & NO_MODELS.keys()


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if attrs.has(model)])
def test_every_field_of_a_schema_is_in_its_model(name: str) -> None:
    assert misfits("web", name, MODELS) == []


def test_every_operation_is_in_the_table() -> None:
    table = {
        (operation.method, operation.path): operation
        for operation in [*vars(operations).values(), *vars(web_operations).values()]
        if isinstance(operation, Operation)
    }
    kinds = {"app_code": "code", "none": "none", "upload_token": "none", "form_token in path": "none"}
    for described in description("web")["operations"]:
        path = described["path"].replace("{c_id}", "{conversation_id}")
        if path.endswith("/events"):
            path = path.replace("{task_id}", "{workflow_run_id}")  # The parameter is a run id.
        operation = table[described["method"], path]
        wanted = kinds.get(described["auth"].partition(";")[0], "own")
        if described["id"] == "get_login_status":
            wanted = "login"
        elif described["id"] == "check_permission":
            wanted = "own"  # A private app also needs the passport.
        assert operation.credentials == wanted, described["id"]
        if described["responses"].get("204"):
            assert operation.answer is type(None)
