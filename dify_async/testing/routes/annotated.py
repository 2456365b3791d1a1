"""Annotations: answers that people have given to questions."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dify_async.testing.calls import UUID_PATH, Call, Refused, Routes, crashed, invalid
from dify_async.testing.records import Annotation, new_id

_MODEL: Final = "AnnotationCreatePayload"
_REPLY_FIELDS: Final = ("score_threshold", "embedding_provider_name", "embedding_model_name")


async def listed(call: Call) -> web.Response:
    """List them."""
    page = call.whole("AnnotationListQuery", "page", 1, 99999, 1)
    limit = call.whole("AnnotationListQuery", "limit", 1, 99999, 20)
    keyword = call.query.get("keyword", "")
    found = [
        one
        for one in reversed(call.fake.annotations.values())
        if keyword in one.question or keyword in one.answer
    ]
    size = min(limit, 100)
    shown = found[(page - 1) * size : page * size]
    return call.json(
        {
            "data": [one.as_json() for one in shown],
            "has_more": len(shown) == limit,
            "limit": limit,
            "total": len(found),
            "page": page,
        }
    )


async def create(call: Call) -> web.Response:
    """Keep one."""
    question, answer = await call.fields(_MODEL, "question", "answer")
    annotation = Annotation(question=question, answer=answer)
    call.fake.annotations[annotation.id] = annotation
    return call.json(annotation.as_json(), 201)


def _known(call: Call) -> Annotation:
    annotation = call.fake.annotations.get(call.path["annotation_id"])
    if annotation is None:
        raise Refused(404, "not_found", "Annotation not found")
    return annotation


async def update(call: Call) -> web.Response:
    """Change one."""
    question, answer = await call.fields(_MODEL, "question", "answer")
    annotation = _known(call)
    annotation.question, annotation.answer = question, answer
    return call.json(annotation.as_json())


async def delete(call: Call) -> web.Response:
    """Delete one."""
    del call.fake.annotations[_known(call).id]
    return call.nothing()


async def switch_reply(call: Call) -> web.Response:
    """Have them answer, or not, once a job is done."""
    body = await call.body()
    for name in _REPLY_FIELDS:
        if name not in body:
            raise invalid("AnnotationReplyActionPayload", name, "Field required [type=missing]")
    if call.path["action"] not in {"enable", "disable"}:
        raise crashed()
    job_id = new_id()
    call.fake.annotation_jobs.add(job_id)
    return call.json({"job_id": job_id, "job_status": "waiting"})


async def reply_job(call: Call) -> web.Response:
    """Tell how far such a job is."""
    job_id = call.path["job_id"]
    if job_id not in call.fake.annotation_jobs:
        raise Refused(400, "invalid_param", "The job does not exist.")
    return call.json({"job_id": job_id, "job_status": "completed", "error_msg": ""})


_ONE: Final = f"/apps/annotations/{{annotation_id:{UUID_PATH}}}"

SERVICE: Final[Routes] = [
    ("GET", "/apps/annotations", listed),
    ("POST", "/apps/annotations", create),
    ("PUT", _ONE, update),
    ("DELETE", _ONE, delete),
    ("POST", "/apps/annotation-reply/{action}", switch_reply),
    ("GET", f"/apps/annotation-reply/{{action}}/status/{{job_id:{UUID_PATH}}}", reply_job),
]
