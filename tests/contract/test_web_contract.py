"""The operations and models of the Web API, held against a description of the real server's.

The description is kept beside the repository and not shipped; without it these tests are skipped.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import attrs
import pytest

from dify_async import models
from dify_async._core import operations, web_operations
from dify_async._core.operations import Operation
from dify_async._wire.blocking import BlockingMessage
from dify_async.models import messages
from dify_async.models._base import WIRE_KEYS

CONTRACT = Path(__file__).parents[3] / "shared" / "contract" / "web.json"
pytestmark = pytest.mark.skipif(not CONTRACT.exists(), reason="the description of the server is not here")

MODELS: dict[str, type] = {
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
    "ConversationInfiniteScrollPagination": models.ConversationPage,
    "SimpleConversation": models.Conversation,
    "WebMessageInfiniteScrollPagination": models.MessagePage,
    "WebMessageListItem": models.Message,
    "SimpleFeedback": models.Feedback,
    "AgentThought": models.StoredThought,
    "MessageFile": models.MessageFile,
    "RunFile": models.RunFile,
    "SuggestedQuestionsResponse": models.SuggestedQuestions,
    "SavedMessageInfiniteScrollPagination": models.SavedMessagePage,
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

LEFT_OUT = {
    ("BlockingMessage", "id"): "the same as message_id",
    ("BlockingMessage", "event"): "tells nothing that `data` does not",
    ("BlockingMessage", "mode"): "the app's",
    ("RunFile", "dify_model_identity"): "always the same",
}
"""What stays in `raw` alone."""


@cache
def contract() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CONTRACT.read_text(encoding="utf-8"))
    return found


def test_every_schema_is_a_model_or_has_a_reason() -> None:
    assert MODELS.keys() | NO_MODELS.keys() == contract()["schemas"].keys()
    assert not MODELS.keys() & NO_MODELS.keys()


def keys_of(model: type) -> set[str]:
    return {key for field in attrs.fields(model) for key in field.metadata.get(WIRE_KEYS, (field.name,))}


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if attrs.has(model)])
def test_every_field_of_a_schema_is_one_of_its_model(name: str) -> None:
    model = MODELS[name]
    fields = contract()["schemas"][name].get("fields", {})
    missing = {key for key in fields if key not in keys_of(model) and (model.__name__, key) not in LEFT_OUT}
    assert not missing


_FITS: dict[str, tuple[str, ...]] = {
    "string": ("str", "datetime", "Decimal", "Json", "RunStatus", "FileType", "TransferMethod", "AppAccess", "PauseType"),
    "integer": ("int", "float", "datetime"),
    "number": ("float", "int", "Decimal"),
    "boolean": ("bool",),
    "object": ("dict",),
    "array": ("list",),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if attrs.has(model)])
def test_every_field_has_the_type_of_its_schema(name: str) -> None:
    model = MODELS[name]
    hints = get_type_hints(model)
    by_key = {
        key: hints[field.name]
        for field in attrs.fields(model)
        for key in field.metadata.get(WIRE_KEYS, (field.name,))
    }
    for key, schema in contract()["schemas"][name].get("fields", {}).items():
        kind = str(schema.get("type", "")).partition("<")[0]
        if key not in by_key or kind not in _FITS:
            continue
        hint = by_key[key]
        shown = {str(getattr(one, "__name__", one)) for one in (hint, *get_args(hint))}
        fits = any(word in text for word in _FITS[kind] for text in shown)
        is_model = kind == "object" and any(attrs.has(one) for one in (hint, *get_args(hint)) if one)
        assert fits or is_model or hint is Any, (key, hint)


def test_every_operation_of_the_server_is_in_the_table() -> None:
    table = {
        (operation.method, operation.path): operation
        for operation in [*vars(operations).values(), *vars(web_operations).values()]
        if isinstance(operation, Operation)
    }
    kinds = {"app_code": "code", "none": "none", "upload_token": "none", "form_token in path": "none"}
    for described in contract()["operations"]:
        path = described["path"].replace("{c_id}", "{conversation_id}")
        if path.endswith("/events"):
            path = path.replace("{task_id}", "{workflow_run_id}")  # That is what it is.
        operation = table[described["method"], path]
        wanted = kinds.get(described["auth"].partition(";")[0], "own")
        if described["id"] == "get_login_status":
            wanted = "login"
        elif described["id"] == "check_permission":
            wanted = "own"  # A private app wants the passport too.
        assert operation.credentials == wanted, described["id"]
        if described["responses"].get("204"):
            assert operation.answer is bytes
