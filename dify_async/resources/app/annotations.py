"""Annotations: prepared answers that an app returns without asking a model."""

from __future__ import annotations

import asyncio
from typing import Literal, Unpack

import attrs

from dify_async._http.pager import Pager
from dify_async._text import printable, shortened
from dify_async.errors import ConfigurationError, JobFailed
from dify_async.models._base import with_raw_of
from dify_async.models.annotations import Annotation, AnnotationJob
from dify_async.operations import app as operations
from dify_async.options import AppCallOptions
from dify_async.resources._base import Resource, next_number, pages


class Annotations(Resource):
    """The app's annotations, and whether it replies with them. None of these calls needs an end user.

    ```python
    job = await client.annotations.switch_reply(
        "enable", score_threshold=0.9, embedding_provider_name="openai", embedding_model_name="..."
    )
    await client.annotations.wait(job)
    ```
    """

    def list(
        self, *, keyword: str | None = None, limit: int = 20, **options: Unpack[AppCallOptions]
    ) -> Pager[Annotation]:
        """List the annotations, newest first.

        Args:
            keyword: Only those whose question or answer contains it.
            limit: Entries per page, 1 to 100.
            **options: See `AppCallOptions`; `timeout` applies to each page.
        """
        query = {"keyword": keyword}
        return pages(self._api, operations.LIST_ANNOTATIONS, options, next_number, query=query, limit=limit)

    async def create(self, question: str, answer: str, **options: Unpack[AppCallOptions]) -> Annotation:
        """Create an annotation.

        Args:
            question: The question that it answers.
            answer: The prepared answer.
            **options: See `AppCallOptions`.
        """
        body = {"question": question, "answer": answer}
        return await self._api.call(operations.CREATE_ANNOTATION, options, json=body)

    async def update(
        self, annotation_id: str, question: str, answer: str, **options: Unpack[AppCallOptions]
    ) -> Annotation:
        """Replace question and answer of an annotation, and return it.

        Args:
            annotation_id: The annotation's id.
            question: The new question.
            answer: The new answer.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: the app has no such annotation.
        """
        ids, body = {"annotation_id": annotation_id}, {"question": question, "answer": answer}
        return await self._api.call(operations.UPDATE_ANNOTATION, options, ids=ids, json=body)

    async def delete(self, annotation_id: str, **options: Unpack[AppCallOptions]) -> None:
        """Delete an annotation.

        Args:
            annotation_id: The annotation's id.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: the app has no such annotation.
        """
        await self._api.call(operations.DELETE_ANNOTATION, options, ids={"annotation_id": annotation_id})

    async def switch_reply(
        self,
        action: Literal["enable", "disable"],
        *,
        score_threshold: float,
        embedding_provider_name: str,
        embedding_model_name: str,
        **options: Unpack[AppCallOptions],
    ) -> AnnotationJob:
        """Switch replies by annotations on or off, in the background, and return the job, for `wait`.

        Args:
            action: "enable" also changes the settings of replies that are on.
            score_threshold: How similar a question must be, 0 to 1. The server requires all three settings,
                also for "disable".
            embedding_provider_name: The provider of the embedding model.
            embedding_model_name: The embedding model.
            **options: See `AppCallOptions`.

        Raises:
            ServerError: there is no such action.
        """
        body = {
            "score_threshold": score_threshold,
            "embedding_provider_name": embedding_provider_name,
            "embedding_model_name": embedding_model_name,
        }
        ids = {"action": action}
        job = await self._api.call(operations.SWITCH_ANNOTATION_REPLY, options, ids=ids, json=body)
        return with_raw_of(job, attrs.evolve(job, action=action))

    async def job(self, job: AnnotationJob, **options: Unpack[AppCallOptions]) -> AnnotationJob:
        """Return the current status of a job.

        Args:
            job: From `switch_reply`; or `AnnotationJob(action=..., job_id=...)`.
            **options: See `AppCallOptions`.

        Raises:
            InvalidParam: there is no such job, or it ended long ago.
        """
        ids = _ids_of(job)
        found = await self._api.call(operations.GET_ANNOTATION_JOB, options, ids=ids)
        return with_raw_of(found, attrs.evolve(found, action=job.action))

    async def wait(self, job: AnnotationJob, **options: Unpack[AppCallOptions]) -> AnnotationJob:
        """Wait for the end of a job, and return it.

        Args:
            job: From `switch_reply`; or `AnnotationJob(action=..., job_id=...)`.
            **options: See `AppCallOptions`; `timeout` applies to the whole wait.

        Raises:
            JobFailed: the job failed.
            InvalidParam: there is no such job, or it ended long ago.
            TotalTimeout: it took longer than `timeout`.
        """
        ids = _ids_of(job)
        request = self._api.build(operations.GET_ANNOTATION_JOB, options, ids=ids)
        delay = 0.5
        try:
            async with asyncio.timeout(request.timeouts.total):
                while (found := await self.job(job, **options)).job_status != "completed":
                    if found.job_status == "error":
                        reason = self._api.errors.redactor(()).text(found.error_msg)
                        raise JobFailed(
                            f"the job failed: {shortened(printable(reason), 300)}",
                            job=found,
                            **self._api.errors.context(operations.GET_ANNOTATION_JOB),
                        )
                    await asyncio.sleep(delay)
                    delay = min(10.0, 2 * delay)
        except TimeoutError:
            raise self._api.errors.of_total(request) from None
        return found


def _ids_of(job: object) -> dict[str, str]:
    if not isinstance(job, AnnotationJob):
        raise ConfigurationError(f"`job` must be an AnnotationJob, got {type(job).__name__}")
    return {"action": job.action, "job_id": job.job_id}
