"""A run that one process starts and another waits for."""

from celery import Celery

from dify_async import RunHandle, errors
from dify_async.sync import AppClient

app = Celery("forecasts")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND
client = AppClient()  # DIFY_API_KEY, DIFY_BASE_URL and DIFY_USER; after a fork it connects anew


def order(city: str) -> str:
    """Start a run, for the web process; give the id of the task that waits for it."""
    handle = client.workflows.submit({"city": city})
    return finish.delay(handle.to_json()).id


@app.task(acks_late=True, reject_on_worker_lost=True)
def finish(handle: str) -> dict[str, object]:
    """Wait for a run; it starts nothing, so it may be done any number of times."""
    try:
        return {"outputs": client.workflows.wait(RunHandle.from_json(handle)).outputs}
    except errors.RunFailed as exc:  # how it ended, and no fault of the task
        return {"error": str(exc)}
