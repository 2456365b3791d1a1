"""The options of methods that create and change knowledge bases and documents.

Each TypedDict lists the options of all calls (see `CallOptions`) and the settings that are sent. A setting
that is missing or None is not sent, so the server uses its default or keeps the current value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from dify_async._types import Json
from dify_async.models.datasets import ExternalRetrievalModel, SummaryIndexSetting
from dify_async.models.documents import ProcessRule
from dify_async.models.retrieval import RetrievalModel
from dify_async.options import CallOptions
from dify_async.settings import Retry, Timeouts

# Documentation tools drop the keys of a base TypedDict, so each of them lists its own.


class CreateDatasetOptions(TypedDict, total=False):
    """Options of `datasets.create`: those of `CallOptions`, and settings. None is not sent.

    - `description`: at most 400 characters.
    - `indexing_technique`: `high_quality` (needs an embedding model) or `economy`.
    - `permission`: `only_me`, `all_team_members` or `partial_members`.
    - `retrieval_model`: how the knowledge base is searched.
    - `embedding_model`, `embedding_model_provider`: names from `models.list("text-embedding")`.
    - `summary_index_setting`: whether and how summaries are generated.
    - `provider`: `vendor`, or `external` with `external_knowledge_api_id` and `external_knowledge_id`.
    """

    timeout: float | Timeouts | None
    retry: Retry | int | None
    extra_headers: Mapping[str, str] | None
    description: str | None
    indexing_technique: str | None
    permission: str | None
    retrieval_model: RetrievalModel | Mapping[str, Json] | None
    embedding_model: str | None
    embedding_model_provider: str | None
    summary_index_setting: SummaryIndexSetting | Mapping[str, Json] | None
    provider: str | None
    external_knowledge_api_id: str | None
    external_knowledge_id: str | None


class UpdateDatasetOptions(TypedDict, total=False):
    """Options of `datasets.update`: those of `CallOptions`, and new settings. None is not sent.

    - `name`: at most 40 characters.
    - `description`: at most 400 characters.
    - `indexing_technique`: `high_quality` (needs an embedding model) or `economy`.
    - `permission`: `only_me`, `all_team_members`, or `partial_members` with `partial_member_list`.
    - `partial_member_list`: objects with the `user_id` of a member.
    - `retrieval_model`: how the knowledge base is searched.
    - `embedding_model`, `embedding_model_provider`: names from `models.list("text-embedding")`.
    - `external_retrieval_model`, `external_knowledge_id`, `external_knowledge_api_id`: for an external one.
    """

    timeout: float | Timeouts | None
    retry: Retry | int | None
    extra_headers: Mapping[str, str] | None
    name: str | None
    description: str | None
    indexing_technique: str | None
    permission: str | None
    partial_member_list: Sequence[Mapping[str, Json]] | None
    retrieval_model: RetrievalModel | Mapping[str, Json] | None
    embedding_model: str | None
    embedding_model_provider: str | None
    external_retrieval_model: ExternalRetrievalModel | Mapping[str, Json] | None
    external_knowledge_id: str | None
    external_knowledge_api_id: str | None


class TextOptions(TypedDict, total=False):
    """Options of `documents.create_by_text`: those of `CallOptions`, and settings. None is not sent.

    - `indexing_technique`: `high_quality` or `economy`. Required by a knowledge base that has none yet.
    - `process_rule`: how the text is cleaned and divided. Required by a knowledge base without documents.
    - `doc_form`: `text_model`, `qa_model` or `hierarchical_model`.
    - `doc_language`: for Q&A documents, for example `English`.
    - `retrieval_model`, `embedding_model`, `embedding_model_provider`: for an empty knowledge base.
    - `original_document_id`: the document that this one replaces.
    """

    timeout: float | Timeouts | None
    retry: Retry | int | None
    extra_headers: Mapping[str, str] | None
    indexing_technique: str | None
    process_rule: ProcessRule | Mapping[str, Json] | None
    doc_form: str | None
    doc_language: str | None
    retrieval_model: RetrievalModel | Mapping[str, Json] | None
    embedding_model: str | None
    embedding_model_provider: str | None
    original_document_id: str | None


class UpdateTextOptions(TypedDict, total=False):
    """Options of `documents.update_by_text`: those of `CallOptions`, and new settings. None is not sent.

    - `name`: the new name.
    - `text`: the new text; `name` must be given too.
    - `process_rule`: how the text is cleaned and divided.
    - `doc_form`: `text_model`, `qa_model` or `hierarchical_model`.
    - `doc_language`: for Q&A documents, for example `English`.
    - `retrieval_model`: how the knowledge base is searched.
    """

    timeout: float | Timeouts | None
    retry: Retry | int | None
    extra_headers: Mapping[str, str] | None
    name: str | None
    text: str | None
    process_rule: ProcessRule | Mapping[str, Json] | None
    doc_form: str | None
    doc_language: str | None
    retrieval_model: RetrievalModel | Mapping[str, Json] | None


class FileOptions(TypedDict, total=False):
    """Options of `documents.create_by_file` and `update_by_file`: those of `CallOptions`, and settings.

    None is not sent.

    - `indexing_technique`: `high_quality` or `economy`. Required by a knowledge base that has none yet.
    - `process_rule`: how the text is cleaned and divided. Required by a knowledge base without documents.
    - `doc_form`: `text_model`, `qa_model` or `hierarchical_model`.
    - `doc_language`: for Q&A documents, for example `English`.
    - `retrieval_model`, `embedding_model`, `embedding_model_provider`: for an empty knowledge base.
    - `summary_index_setting`: whether and how summaries are generated.
    - `original_document_id`: the document that this one replaces.
    - `duplicate`: False rejects a file that is already in the knowledge base.
    - `is_multimodal`: whether images are indexed too.
    """

    timeout: float | Timeouts | None
    retry: Retry | int | None
    extra_headers: Mapping[str, str] | None
    indexing_technique: str | None
    process_rule: ProcessRule | Mapping[str, Json] | None
    doc_form: str | None
    doc_language: str | None
    retrieval_model: RetrievalModel | Mapping[str, Json] | None
    embedding_model: str | None
    embedding_model_provider: str | None
    summary_index_setting: SummaryIndexSetting | Mapping[str, Json] | None
    original_document_id: str | None
    duplicate: bool | None
    is_multimodal: bool | None


def settings_of(options: type) -> tuple[str, ...]:
    """Return the names of the settings in a TypedDict of options."""
    return tuple(name for name in options.__annotations__ if name not in CallOptions.__annotations__)
