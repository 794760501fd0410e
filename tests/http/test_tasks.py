"""A gateway that answers with a task in place of a picture is told as what it is, and the task's id is kept."""

import pytest

from pixroute.http import Reply
from pixroute.http.judging.tasks import asynchronous, task_in
from pixroute.outcome import Billing, Blame, FailureKind


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"id": "t-1", "object": "image.task", "status": "queued"}, 200),
        ({"task_id": "t-1"}, 200),
        ({"id": "t-1"}, 202),
        ({"code": 200, "message": "success", "data": {"taskId": "t-1"}}, 200),
        ({"code": 200, "data": [{"status": "submitted", "task_id": "t-1"}]}, 200),
        ({"output": {"task_status": "PENDING", "task_id": "t-1"}, "request_id": "r-1"}, 200),
        ({"id": "t-1", "status": "starting", "urls": {"get": "https://api.example/t-1"}, "error": None}, 201),
        ({"id": "t-1", "polling_url": "https://api.example/t-1"}, 200),
        ({"request_id": "t-1", "status": "IN_QUEUE", "queue_position": 0}, 200),
        ({"name": "t-1", "done": False}, 200),
        ({"id": "t-1", "status": "processing", "message": "The task was submitted."}, 200),
    ],
)
def test_a_task_is_found(document, status):
    """Whatever the gateway calls it."""
    failure = asynchronous(Reply(status=status, headers={}, json=document), who="gate")

    assert failure.task == "t-1"
    assert (failure.kind, failure.blame, failure.billing) == (
        FailureKind.PROTOCOL,
        Blame.PROVIDER,
        Billing.AMBIGUOUS,
    )
    assert "gate answered with a task id (t-1): this gateway is asynchronous" in str(failure)
    assert "use a provider type that polls" in str(failure)


@pytest.mark.parametrize(
    "document",
    [
        {"id": "t-1"},
        {"id": "chatcmpl-1", "choices": [{"message": {"content": "No."}}]},
        {"task_id": "t-1", "status": "failed"},
        {"task_id": "t-1", "error": {"message": "No credits."}},
        {"task_id": "t-1", "success": False, "status": "pending"},
        {"errors": [{"code": "invalidPrompt", "taskUUID": "t-1"}]},
        {"name": "lighthouse", "status": "pending"},
        {"task_id": "", "status": "pending"},
        {"task_id": "t\n1", "status": "pending"},
        {"task_id": ["t-1"], "status": {"pending": 1}},
        [[[[[[{"task_id": "t-1"}]]]]]],
        None,
        "t-1",
    ],
)
def test_what_is_no_task_is_none(document):
    """An error beside it, an answer's own id, or no id that can be shown."""
    assert task_in(Reply(status=200, headers={}, json=document)) is None
