"""Error codes of the servers, and the context that errors carry."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from dify_async._wire.api_errors import error_from_response
from dify_async._wire.operation import Operation
from dify_async.errors import ApiError
from dify_async.models import RunHandle, WorkflowResult

CODES: dict[str, list[tuple[int, str]]] = {
    "BadRequest": [
        (400, "agent_not_published"),
        (400, "bad_request"),
        (400, "bad_request_key_error"),
        (400, "dataset_not_initialized"),
        (400, "document_already_finished"),
        (400, "document_indexing"),
        (400, "file_extension_blocked"),
        (400, "filename_not_exists_error"),
        (400, "invalid_action"),
        (400, "invalid_metadata"),
        (400, "no_audio_uploaded"),
        (400, "no_file_uploaded"),
        (400, "provider_not_support_speech_to_text"),
        (400, "speech_to_text_disabled"),
        (400, "too_many_files"),
        (400, "unsupported_estimate"),
        (400, "unsupported_preview"),
        (400, "workflow_id_format_error"),
        (400, "workflow_not_found"),
        (400, "brand_new"),
        (405, "method_not_allowed"),
        (406, "not_acceptable"),
        (412, "precondition_failed"),
        (422, "unprocessable_entity"),
    ],
    "InvalidParam": [(400, "invalid_param")],
    "AppUnavailable": [(400, "app_unavailable")],
    "WrongAppMode": [(400, "not_chat_app"), (400, "not_completion_app"), (400, "not_workflow_app")],
    "ProviderNotInitialized": [(400, "provider_not_initialize")],
    "ModelNotSupported": [(400, "model_currently_not_support")],
    "CompletionRequestFailed": [(400, "completion_request_error")],
    "WorkflowRequestFailed": [(400, "workflow_request_error")],
    "ConversationCompleted": [(400, "conversation_completed")],
    "InvalidFormData": [(400, "invalid_form_data")],
    "QuotaExceeded": [(400, "provider_quota_exceeded"), (429, "rate_limit_error")],
    "Unauthorized": [(401, "unauthorized")],
    "LoginRequired": [(401, "web_sso_auth_required")],
    "AppAccessDenied": [(401, "web_app_access_denied")],
    "AuthenticationFailed": [(401, "authentication_failed")],
    "Forbidden": [
        (403, "app_abnormal_status"),
        (403, "app_api_disabled"),
        (403, "app_not_found"),
        (403, "app_suggested_questions_after_answer_disabled"),
        (403, "archived_document_immutable"),
        (403, "file_access_denied"),
        (403, "forbidden"),
        (403, "trigger_workflow_service_mode_unavailable"),
        (403, "workflow_version_execution_not_allowed"),
        (403, "workspace_archived"),
        (403, "workspace_not_found"),
        (403, "brand_new"),
    ],
    "NotFound": [
        (404, "agent_version_not_found_error"),
        (404, "end_user_not_found"),
        (404, "file_not_found"),
        (404, "not_found"),
        (404, "brand_new"),
    ],
    "Conflict": [(409, "dataset_in_use"), (409, "dataset_name_duplicate")],
    "FormClosed": [(412, "human_input_form_expired"), (412, "human_input_form_submitted")],
    "FileTooLarge": [(413, "audio_too_large"), (413, "file_too_large"), (413, "request_entity_too_large")],
    "UnsupportedFileType": [
        (415, "unsupported_audio_type"),
        (415, "unsupported_file_type"),
        (415, "unsupported_media_type"),
    ],
    "RateLimited": [(429, "too_many_requests"), (429, "brand_new")],
    "ServerError": [
        (500, "internal_server_error"),
        (500, "pipeline_run_error"),
        (500, "unknown"),
        (500, "brand_new"),
        (501, "not_implemented"),
        (503, "s3_connection_failed"),
        (503, "s3_file_too_large"),
        (503, "s3_permission_denied"),
        (503, "service_unavailable"),
    ],
}


HANDLE = RunHandle(run_id="r", task_id="t", user="ada", kind="workflow")


RESULT = WorkflowResult(workflow_run_id="r", outputs={"a": 1})


CONTEXT = {"operation": "POST /workflows/run", "server_version": "1.14.2"}


NOW = datetime(2026, 11, 22, 0, 0, 0, tzinfo=UTC)


def operation_named(
    name: str, starts_run: bool = False, recent: bool = False, enterprise: bool = False, **known: Any
) -> Operation[bytes]:
    """Return an operation by its method and path."""
    method, path = name.split(" ", 1)
    return Operation(
        method,
        path,
        bytes,
        method == "GET",
        starts_run=starts_run,
        recent=recent,
        enterprise=enterprise,
        **known,
    )


RUN = operation_named("POST /workflows/run", starts_run=True)


def rejected(
    status: int, body: bytes | object, headers: dict[str, str] | None = None, asked: Operation[Any] = RUN
) -> ApiError:
    """Return the error for a response with headers as aiohttp has them."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from_response(asked, status, CIMultiDictProxy(CIMultiDict(headers or {})), data, now=NOW)
