"""The error class and message of each response that is not 2xx."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from dify_async import errors
from dify_async._wire.api_errors import error_from_event
from dify_async._wire.operation import Operation
from dify_async.errors import ApiError, DifyError
from dify_async.events import ErrorEvent
from dify_async.models import AnnotationJob, ChatResult, IndexingReport
from tests.support.api_errors import CODES, CONTEXT, HANDLE, RESULT, RUN, operation_named, rejected
from tests.support.recordings import load, matching
from tests.support.work import limited_work


def coded(status: int, code: str | None, message: str = "Words of the server.") -> ApiError:
    return rejected(status, {"code": code, "message": message, "status": status})


# Codes: each of the contract of 1.14, of 1.17, and of the documents of 2024

each_code = pytest.mark.parametrize(
    ("kind", "status", "code"),
    [(getattr(errors, kind), status, code) for kind, codes in CODES.items() for status, code in codes],
)


@each_code
def test_a_code_becomes_its_error(kind: type[ApiError], status: int, code: str) -> None:
    error = coded(status, code)
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (status, code, "Words of the server.")
    assert str(error).startswith(f"{status} {code}: Words of the server.")
    assert str(error).endswith("(POST /workflows/run)")


@each_code
def test_an_error_in_a_stream_has_the_same_class(kind: type[ApiError], status: int, code: str) -> None:
    error = error_from_event(
        ErrorEvent(status=status, code=code, message="m"), operation="POST /chat-messages"
    )
    assert type(error) is (errors.RateLimited if code == "rate_limit_error" else kind)
    assert (error.status, error.code, error.message) == (status, code, "m")
    assert error.operation == "POST /chat-messages"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthorized),
        (402, errors.BadRequest),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.BadRequest),
        (409, errors.Conflict),
        (412, errors.BadRequest),
        (413, errors.FileTooLarge),
        (418, errors.BadRequest),
        (429, errors.RateLimited),
        (500, errors.ServerError),
        (502, errors.ServerError),
        (599, errors.ServerError),
    ],
)
@pytest.mark.parametrize("body", [{}, {"code": None}, {"code": 7}, {"error": "e"}, None, [], "text", 5])
def test_json_without_a_code_is_classified_by_its_status(
    status: int, kind: type[ApiError], body: object
) -> None:
    error = rejected(status, body)
    assert type(error) is kind
    assert error.code is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (500, "invalid_param", errors.ServerError),
        (404, "invalid_param", errors.NotFound),
        (403, "app_unavailable", errors.Forbidden),
        (400, "unauthorized", errors.BadRequest),
        (400, "rate_limit_error", errors.BadRequest),
        (429, "provider_quota_exceeded", errors.RateLimited),
        (400, "human_input_form_submitted", errors.BadRequest),
        (500, "rate_limit_error", errors.ServerError),
    ],
)
def test_the_status_takes_precedence_over_the_code(status: int, code: str, kind: type[ApiError]) -> None:
    assert type(coded(status, code)) is kind


def test_every_class_of_the_tree_is_reached() -> None:
    reached = {getattr(errors, kind) for kind in CODES}
    reached |= {
        errors.GatewayError,
        errors.NotSupportedByServer,
        errors.KnowledgeRateLimited,
        errors.ApiError,
    }
    public = {getattr(errors, name) for name in errors.__all__}
    assert {kind for kind in public if issubclass(kind, ApiError)} == reached


# Limits


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (429, "too_many_requests", "Too many requests. Please try again later.", errors.RateLimited),
        (
            400,
            "invalid_param",
            "Too many requests. Please try again later. The current ...",
            errors.RateLimited,
        ),
        (429, "rate_limit_error", "Rate Limit Error", errors.QuotaExceeded),
        (400, "invalid_param", "name in input form: Too many requests", errors.InvalidParam),
        (400, "bad_request", "Too many requests", errors.BadRequest),
        (400, "provider_quota_exceeded", "Your quota has been exhausted.", errors.QuotaExceeded),
        (
            403,
            "forbidden",
            "Sorry, you have reached the knowledge base request rate limit of your subscription.",
            errors.KnowledgeRateLimited,
        ),
        (
            403,
            "forbidden",
            "The number of documents has reached the limit of your subscription.",
            errors.Forbidden,
        ),
        (403, "forbidden", "The app's API service has been disabled.", errors.Forbidden),
    ],
)
def test_kinds_of_limits_are_distinguished(
    status: int, code: str, message: str, kind: type[ApiError]
) -> None:
    assert type(coded(status, code, message)) is kind


def test_a_full_plan_is_reported() -> None:
    error = coded(403, "forbidden", "The number of documents has reached the limit of your subscription.")
    assert str(error).endswith(
        "; a retry does not help: delete something, or change the plan (POST /workflows/run)"
    )


@pytest.mark.parametrize("message", ["indexing_technique is required.", "No process rule found."])
def test_a_setting_that_an_empty_knowledge_base_needs_is_named(message: str) -> None:
    text = str(coded(400, "invalid_param", message))
    assert text.startswith(f"400 invalid_param: {message}; a knowledge base without documents needs")
    assert "`indexing_technique`" in text
    assert "`process_rule`" in text


def test_which_rejections_are_retried() -> None:
    assert not issubclass(errors.QuotaExceeded, errors.RateLimited)
    assert not issubclass(errors.KnowledgeRateLimited, errors.RateLimited)
    assert issubclass(errors.KnowledgeRateLimited, errors.Forbidden)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 12 ", 12.0),
        ("Sun, 22 Nov 2026 00:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 00:01:00 -0000", 60.0),
        ("Sun, 22 Nov 2026 01:00:05 +0100", 5.0),
        ("Sat, 21 Nov 2026 23:59:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Sun, 99 Foo 2026", None),
    ],
)
def test_retry_after_is_parsed_in_both_forms(header: str | None, seconds: float | None) -> None:
    headers = {} if header is None else {"retry-after": header}
    assert rejected(429, {}, headers).retry_after == seconds


def test_an_invalid_time_zone_in_retry_after_hides_no_error() -> None:
    header = "Sun, 22 Nov 2026 00:00:30 +99999999999999"
    assert rejected(429, {}, {"Retry-After": header}).retry_after is None


# Pages instead of JSON

NGINX_413 = (
    b"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n"
    b"<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n"
)
NGINX_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
CLOUDFLARE_524 = (
    b'<!DOCTYPE html>\n<!--[if lt IE 7]> <html class="no-js ie6"> <![endif]-->\n<html lang="en-US">\n<head>\n'
    b"<title>api.dify.ai | 524: A timeout\n occurred</title>\n</head><body>"
    + b"<div>x</div>" * 5000
    + b"</body></html>"
)
WERKZEUG_404 = (
    b"<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    b"<p>The requested URL was not found on the server.</p>\n"
)


@pytest.mark.parametrize(
    ("status", "page", "kind", "says", "hint"),
    [
        (413, NGINX_413, errors.FileTooLarge, "413 Request Entity Too Large", "client_max_body_size"),
        (502, NGINX_502, errors.GatewayError, "502 Bad Gateway", "a proxy responded instead of Dify"),
        (503, b"<h1>Service Unavailable</h1>", errors.GatewayError, "Service Unavailable", "a proxy"),
        (504, b"upstream request timeout", errors.GatewayError, "upstream request timeout", "a proxy"),
        (524, CLOUDFLARE_524, errors.GatewayError, "524: A timeout occurred", "a proxy responded"),
        (520, b"", errors.GatewayError, "520", "a proxy responded"),
        (529, b"", errors.GatewayError, "529", "a proxy responded"),
        (404, WERKZEUG_404, errors.NotFound, "404 Not Found", "check base_url"),
        (500, b"Internal Server Error", errors.ServerError, "Internal Server Error", ""),
        (429, b"<title>Error 1015</title>", errors.RateLimited, "Error 1015", "lower max_concurrent"),
        (403, b"<title>Attention Required! | Cloudflare</title>", errors.Forbidden, "Attention", ""),
        (401, b"<h1>401 Authorization Required</h1>", errors.Unauthorized, "Required", "API key"),
        (530, b"<p>x</p>", errors.ServerError, "x", ""),
    ],
)  # fmt: skip
def test_an_html_page_is_classified_by_its_status(
    status: int, page: bytes, kind: type[ApiError], says: str, hint: str
) -> None:
    error = rejected(status, page)
    assert type(error) is kind
    assert error.code is None
    assert says in str(error)
    assert hint in str(error)
    assert "<" not in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    "body", [b"", b"<", b"\xff\xfe\x00", b"{", b"\x00" * 50, b"<title>", b"</title><title>"]
)
@pytest.mark.parametrize("status", [302, 400, 404, 413, 429, 500, 502])
def test_a_body_of_any_kind_is_an_error(status: int, body: bytes) -> None:
    error = rejected(status, body)
    assert error.status == status
    assert str(error).startswith(str(status))


@pytest.mark.parametrize("status", [502, 503, 504])
def test_json_of_dify_is_not_reported_as_a_page_of_a_proxy(status: int) -> None:
    assert type(coded(status, "service_unavailable")) is errors.ServerError


def test_an_html_404_of_a_recent_operation_is_notsupportedbyserver() -> None:
    asked = operation_named("GET /info", recent=True)
    assert type(rejected(404, WERKZEUG_404, asked=asked)) is errors.NotSupportedByServer
    assert type(rejected(404, {"code": "not_found"}, asked=asked)) is errors.NotFound
    assert type(rejected(500, b"<p>", asked=asked)) is errors.ServerError


def test_a_missing_operation_has_a_specific_hint() -> None:
    error = rejected(404, WERKZEUG_404, asked=operation_named("GET /info", recent=True))
    assert "the server is too old" in str(error)


@pytest.mark.parametrize("tag", [b"<", b"<title>"])
def test_the_work_is_linear_in_the_size_of_a_page(tag: bytes) -> None:
    with limited_work(cpu_seconds=8):
        error = rejected(502, tag * 1_000_000)
    assert type(error) is errors.GatewayError


# Redirects


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://dify.example/v1/info", "https://dify.example/v1/info"),
        ("https://dify.example/v1/info?token=SECRET", "https://dify.example/v1/info"),
        ("https://dify.example/v1/info#SECRET", "https://dify.example/v1/info"),
        ("https://ada:SECRET@dify.example:8443/v1", "https://dify.example:8443/v1"),
        ("https://ada:SEC@RET@dify.example/v1", "https://dify.example/v1"),
        ("HTTPS://ada:SECRET@dify.example/@v1?a=SECRET", "HTTPS://dify.example/@v1"),
        ("https://SECRET@dify.example?x=SECRET", "https://dify.example"),
        ("/login?next=SECRET", "another path of the server"),
        ("//ada:SECRET@elsewhere/v1", "another path of the server"),
        ("javascript:SECRET", "another path of the server"),
        ("", "another path of the server"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_names_its_target_without_secrets(status: int, location: str, shown: str) -> None:
    error = rejected(status, b"<title>Moved</title>", {"Location": location})
    assert type(error) is ApiError
    assert f"redirects are not followed; set base_url to their target: {shown} (" in str(error)
    assert "SECRET" not in str(error)
    assert "ada" not in str(error)


def test_a_redirect_without_a_target_is_an_error() -> None:
    assert "another path of the server" in str(rejected(302, b""))


def test_a_redirect_with_json_names_its_target_too() -> None:
    error = rejected(307, {"detail": "moved"}, {"Location": "https://dify.example/v1"})
    assert "https://dify.example/v1" in str(error)


# What an error says


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": "m", "error": "e"}, "m"),
        (
            {"error": "1 validation error for SegmentCreatePayload"},
            "1 validation error for SegmentCreatePayload",
        ),
        ({"message": "", "error": "e"}, "e"),
        ({"message": None}, ""),
        ({"message": ["a", 1]}, "['a', 1]"),
        ({"message": {"a": 1}}, "{'a': 1}"),
        ({}, ""),
        (None, ""),
        ("just words", "just words"),
        ([1], "[1]"),
    ],
)
def test_the_message_of_the_server_is_found(body: object, message: str) -> None:
    error = rejected(400, body)
    assert error.message == message
    assert message in str(error)


def test_long_messages_are_shortened_in_the_text_and_complete_in_the_attribute() -> None:
    message = "1 validation error\nname\n  Field required\n" + "x" * 10_000
    error = coded(400, "invalid_param", message)
    assert error.message == message
    assert str(error).startswith("400 invalid_param: 1 validation error name Field required xxx")
    assert len(str(error)) < 300
    assert "..." in str(error)
    assert "\n" not in str(error)


def test_a_parameter_at_fault_is_reported() -> None:
    assert rejected(400, {"code": "invalid_param", "message": "m", "params": "name"}).params == "name"
    assert rejected(400, {"code": "invalid_param", "message": "m", "params": ["name"]}).params is None


def test_information_of_the_headers_is_kept() -> None:
    error = rejected(500, {}, {"x-version": "1.14.2", "x-trace-id": "abc", "retry-after": "3"})
    assert (error.server_version, error.trace_id, error.retry_after) == ("1.14.2", "abc", 3.0)
    assert str(error).endswith("(POST /workflows/run, Dify 1.14.2)")


@pytest.mark.parametrize(
    ("asked", "status", "may_have_started"),
    [
        (RUN, 500, True),
        (RUN, 502, True),
        (RUN, 524, True),
        (RUN, 400, False),
        (RUN, 429, False),
        (operation_named("GET /info"), 502, False),
    ],
)
def test_may_have_started_is_true_only_for_server_failures(
    asked: Operation[Any], status: int, may_have_started: bool
) -> None:
    assert rejected(status, b"<p>", asked=asked).may_have_started is may_have_started


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (401, "unauthorized", "check that the API key or passport belongs to this app"),
        (400, "not_chat_app", "the key belongs to another kind of app"),
        (400, "not_workflow_app", "see client.app.info()"),
        (400, "app_unavailable", "publish the app in Dify first"),
        (429, "too_many_requests", "lower max_concurrent"),
        (429, "rate_limit_error", "a retry does not help"),
        (400, "provider_quota_exceeded", "a retry does not help"),
        (400, "provider_not_initialize", "set up the model provider's credentials in Dify"),
        (400, "not_completion_app", "the URL of the web app"),
        (401, "web_sso_auth_required", "log in with client.auth.login(...)"),
        (401, "web_app_access_denied", "may not use this app"),
        (412, "human_input_form_submitted", "workflows.wait(handle, continue_on_pause=True)"),
        (412, "human_input_form_expired", "workflows.wait(handle, continue_on_pause=True)"),
    ],
)
def test_an_error_says_what_to_do(status: int, code: str, advice: str) -> None:
    assert advice in str(coded(status, code))
    in_stream = str(error_from_event(ErrorEvent(status=status, code=code)))
    assert advice in in_stream or code == "rate_limit_error"


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (401, "not_setup", "open its console"),
        (401, "not_init_validated", "open its console"),
        (401, "unauthorized_and_force_logout", "license"),
        (401, "invalid_upload_token", "client.forms.upload_token(form_token)"),
        (403, "invalid_upload_token", "client.forms.upload_token(form_token)"),
        (429, "web_form_rate_limit_exceeded", "retry in a minute"),
        (429, "email_send_ip_limit", "too many e-mails were requested: retry later"),
        (429, "password_reset_rate_limit_exceeded", "too many e-mails were requested: retry later"),
        (429, "email_password_reset_limit", "wait a day"),
    ],
)
def test_the_hint_depends_on_the_code_if_the_status_would_mislead(
    status: int, code: str, advice: str
) -> None:
    text = str(coded(status, code))
    assert advice in text
    assert "API key" not in text
    assert "max_concurrent" not in text


@pytest.mark.parametrize("code", ["invalid_param", "bad_request", "completion_request_error"])
def test_an_error_that_explains_itself_has_no_hint(code: str) -> None:
    assert str(coded(400, code)) == f"400 {code}: Words of the server. (POST /workflows/run)"


def test_an_error_event_without_a_status_is_a_servererror() -> None:
    error = error_from_event(ErrorEvent(code="brand_new", message=""))
    assert type(error) is errors.ServerError
    assert error.status == 500
    assert str(error) == "the stream ended with an error: 500 brand_new"


# Recorded rejections

RECORDED: dict[str, list[str]] = {
    "BadRequest": [
        "116_ds_segments_add_bad",
        "err_audio_no_file",
        "err_chatflow_bad_workflow_id",
        "err_conversation_variable_wrong_type",
        "err_ds_doc_create_by_file_no_file",
        "err_file_empty_filename",
        "err_file_json_body",
        "err_file_none",
        "err_file_two",
        "err_wf_bad_json",
        "err_wf_delete_method",
        "err_wf_empty_body",
        "err_wf_run_by_bad_id",
        "err_wf_wrong_method_get",
    ],
    "InvalidParam": [
        "chatflow_midfail_blocking",
        "err_agent_blocking",
        "err_annotation_reply_status_unknown",
        "err_chat_conversation_bad_uuid",
        "err_chat_missing_inputs",
        "err_chat_required_input_blocking",
        "err_chat_required_input_streaming",
        "err_chatflow_missing_required_blocking",
        "err_completion_missing_query",
        "err_conversations_limit_0",
        "116_ds_create_bad",
        "116_ds_doc_update",
        "ds_hit_testing_default",
        "err_ds_create_no_name",
        "err_ds_doc_create_missing_text",
        "err_ds_models_bad_type",
        "err_ds_retrieve_long_query",
        "err_ds_retrieve_no_query",
        "err_feedback_bad_rating",
        "err_feedback_null_again",
        "err_file_bad_filename_slash",
        "err_human_events_no_user",
        "err_human_form_submit_no_user",
        "err_logs_bad_date",
        "err_suggested_no_user",
        "err_web_chat_missing_inputs",
        "err_wf_bad_response_mode",
        "err_wf_file_bad_shape",
        "err_wf_file_type_mismatch",
        "err_wf_inputs_not_object",
        "err_wf_missing_inputs",
        "err_wf_missing_user",
        "err_wf_name_not_string",
        "err_wf_name_too_long",
        "err_wf_number_not_number",
        "err_wf_select_bad_option",
        "err_wf_unpublished_blocking",
        "err_wf_unpublished_streaming",
        "err_wf_user_empty",
        "wf_basic_with_files_other_user",
        "wf_stop_no_user",
    ],
    "AppUnavailable": ["wf_unpublished_parameters"],
    "CompletionRequestFailed": [
        "chat_badrequest_blocking",
        "chat_fail_blocking",
        "chat_midfail_blocking",
        "chat_ratelimit_blocking",
    ],
    "WrongAppMode": [
        "err_conversations_completion_app",
        "err_run_detail_chat_app",
        "err_web_wrong_mode_workflow",
        "err_wrong_mode_chat_key_workflow",
        "err_wrong_mode_workflow_key_chat",
    ],
    "InvalidFormData": ["err_human_form_submit_bad_choice", "err_human_form_submit_missing_input"],
    "Unauthorized": [
        "err_auth_bad_key",
        "err_auth_dataset_key_on_app",
        "err_auth_get_parameters_bad_key",
        "err_auth_missing_header",
        "err_auth_no_space",
        "err_auth_not_bearer",
        "err_bad_key_large_upload",
        "err_web_passport_no_code",
        "nginx_err_bad_key",
        "pywsgi_err_401",
    ],
    "Forbidden": ["err_api_disabled", "err_file_preview_other_app"],
    "NotFound": [
        "err_annotation_delete_unknown",
        "err_annotation_unknown",
        "err_chat_conversation_other_user",
        "err_chat_conversation_unknown_streaming",
        "err_conversation_delete_again",
        "err_conversation_rename_unknown",
        "err_conversation_variable_unknown",
        "err_conversations_last_id_unknown",
        "116_ds_meta_builtin",
        "err_ds_get_bad_uuid",
        "err_file_preview_not_in_message",
        "err_file_preview_unknown",
        "err_human_events_by_task_id",
        "err_human_form_other_app",
        "err_human_form_unknown",
        "err_messages_unknown_conversation",
        "err_run_detail_other_app",
        "err_suggested_unknown",
        "err_unknown_path",
        "err_web_passport_bad_code",
        "err_web_pin_unknown",
        "err_web_saved_message_unknown",
        "err_web_site_disabled_passport",
        "err_wf_run_by_other_apps_id",
        "err_wf_run_by_unknown_id",
    ],
    "Conflict": ["err_ds_create_duplicate"],
    "FormClosed": ["err_human_form_submit_again"],
    "FileTooLarge": [
        "err_audio_too_large",
        "err_file_image_too_large_11mb",
        "err_file_too_large_16mb",
        "nginx_err_413_101mb",
    ],
    "UnsupportedFileType": [
        "err_file_no_mimetype",
        "err_conversation_delete_no_user",
        "err_wf_no_content_type",
    ],
    "RateLimited": ["err_rate_limited_chat_streaming", "err_rate_limited_streaming"],
    "ServerError": [
        "err_annotation_reply_bad_action",
        "err_run_detail_bad_uuid",
        "err_text_to_audio_fail",
        "err_wf_json_array",
        "pywsgi_err_tts_fail",
    ],
    "NotSupportedByServer": ["116_root_404"],
    "GatewayError": [
        "chaos_api_sigkill_blocking_nginx",
        "chaos_nginx_502_api_down",
        "chaos_nginx_502_api_stopping",
        "nginx_unknown_path_web_down_502",
    ],
}


def recorded_rejection(name: str) -> ApiError:
    answer = load(name)
    path = answer.path.partition("?")[0]
    asked = operation_named(f"{answer.method} {path}", recent=path == "/v1/")
    return rejected(answer.status, answer.body, answer.headers, asked)


@pytest.mark.parametrize(
    ("kind", "name"), [(getattr(errors, kind), name) for kind, names in RECORDED.items() for name in names]
)
def test_a_recorded_rejection_becomes_its_error(kind: type[ApiError], name: str) -> None:
    answer, error = load(name), recorded_rejection(name)
    assert type(error) is kind
    assert error.status == answer.status
    assert error.server_version == answer.headers.get("x-version")
    if "json" in answer.headers["content-type"]:
        words = json.loads(answer.body)
        # A chunk that is not valid is the one error that has no code.
        assert (error.code, error.message) == (words.get("code"), words.get("message", words.get("error")))
    else:
        assert error.code is None
    assert "<" not in str(error).replace("<string:", "").replace("<uuid:", "")
    assert len(str(error)) < 500


def test_all_recorded_rejections_are_in_the_table() -> None:
    rejections = [recording.name for recording in matching("") if recording.status >= 300]
    assert sorted(rejections) == sorted(name for names in RECORDED.values() for name in names)


@pytest.mark.parametrize(
    "name",
    [
        "err_auth_lowercase_bearer",
        "err_ds_child_chunks",
        "err_file_two_same_field",
        "err_rate_limited_blocking",
        "err_text_to_audio_unknown_message",
        "err_web_access_mode_none",
        "err_wf_user_int",
    ],
)
def test_recorded_errors_that_are_not_errors(name: str) -> None:
    assert 200 <= load(name).status < 300


# Errors as values

ATTRIBUTES: list[tuple[type[DifyError], dict[str, Any]]] = [
    (
        errors.ApiError,
        {
            "status": 400,
            "code": "invalid_param",
            "message": "m",
            "params": "p",
            "may_have_started": True,
            "retry_after": 1.5,
            "trace_id": "t",
            "handle": HANDLE,
            "partial": ChatResult(answer="a"),
        },
    ),
    (errors.TransportError, {"may_have_started": True, "handle": HANDLE, "partial": RESULT}),
    (errors.RunFailed, {"result": RESULT, "handle": HANDLE, "node_id": "n"}),
    (errors.IndexingFailed, {"report": IndexingReport(documents=[], is_over=True)}),
    (errors.JobFailed, {"job": AnnotationJob(job_id="j")}),
    (errors.StreamInterrupted, {"handle": HANDLE, "partial": RESULT}),
    (errors.DecodeError, {"raw": b"<html>\xff"}),
    (errors.DifyError, {}),
]
"""What the errors of each family hold, the first that fits."""


def made(kind: type[DifyError]) -> tuple[DifyError, dict[str, Any]]:
    if issubclass(kind, errors.TooLarge):
        return kind(7, **CONTEXT), {"limit": 7}
    attributes = next(found for family, found in ATTRIBUTES if issubclass(kind, family))
    return kind("something happened", **attributes, **CONTEXT), attributes


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_keeps_its_attributes_when_pickled_and_copied(name: str) -> None:
    kind = getattr(errors, name)
    error, attributes = made(kind)
    error.add_note("in row 7")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert again.args == error.args
        assert again.__notes__ == ["in row 7"]
        for attribute, value in (attributes | CONTEXT).items():
            assert getattr(again, attribute) == value
            assert type(getattr(again, attribute)) is type(value)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_names_its_operation_and_server_version(name: str) -> None:
    error, _ = made(getattr(errors, name))
    assert str(error).endswith(" (POST /workflows/run, Dify 1.14.2)")
    assert isinstance(error, DifyError)
    assert isinstance(error, Exception)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_in_the_tree_of_the_documentation(name: str) -> None:
    assert errors.__doc__ is not None
    assert name in errors.__doc__
    assert getattr(errors, name).__doc__


def test_all_errors_are_public() -> None:
    defined = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == errors.__name__
    }
    assert defined == set(errors.__all__)


def test_an_error_without_context_shows_its_message() -> None:
    assert str(errors.DifyError("something happened")) == "something happened"
    assert str(errors.DifyError("x", server_version="1.14.2")) == "x (Dify 1.14.2)"


def test_a_configuration_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="no key"):
        raise errors.ConfigurationError("no key")


@pytest.mark.parametrize("name", [name for names in RECORDED.values() for name in names[:1]])
def test_a_recorded_rejection_pickles(name: str) -> None:
    error = recorded_rejection(name)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)
