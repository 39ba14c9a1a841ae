"""Answers a repeated request once: draft-ietf-httpapi-idempotency-key-header-07.

The key is kept with the answer, for each user, for a day. What a request that broke off has done is unknown:
its key is not accepted again.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from asgiref.sync import sync_to_async
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from mdp_site.api.models import LONGEST_IDEMPOTENCY_KEY, AnsweredRequest
from mdp_site.api.problems import Fault, Problem, problem_answer

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
KEPT: Final = timedelta(hours=24)
KEPT_HEADERS: Final = ("Content-Type", "ETag", "Location")
_KEY: Final = re.compile(r"[!-~]+")


async def answered_once(
    request: HttpRequest, user_id: int, work: Callable[[], Awaitable[HttpResponse]]
) -> HttpResponse:
    """The answer of `work`, or the one that the same request with the same key had before.

    Without the header, each request is a new one.

    Raises:
        Problem: the key is not acceptable, belongs to another request, or to one that is not answered.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return await work()
    if len(key) > LONGEST_IDEMPOTENCY_KEY or not _KEY.fullmatch(key):
        detail = f"accepted: 1 to {LONGEST_IDEMPOTENCY_KEY} printable ASCII characters without blanks"
        raise Problem(
            "invalid_parameter", f"{HEADER}: {detail}", faults=[Fault(f"#/header/{HEADER}", detail)]
        )
    fingerprint = hashlib.sha256(
        b"\n".join((str(request.method).encode(), request.get_full_path().encode(), request.body))
    ).hexdigest()
    before = await sync_to_async(_begin)(user_id, key, fingerprint)
    if before is not None:
        return _repeated(before, fingerprint)
    try:
        answer = await work()
    except Problem as problem:
        answer = problem_answer(problem)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:  # nothing was done: it may be repeated
            await sync_to_async(_of(user_id, key).delete)()
            return answer
    await sync_to_async(_end)(user_id, key, answer)
    return answer


def _begin(user_id: int, key: str, fingerprint: str) -> AnsweredRequest | None:
    """Take the key. Returns the request that has it already."""
    AnsweredRequest.objects.filter(begun_at__lt=timezone.now() - KEPT).delete()
    try:
        with transaction.atomic():
            AnsweredRequest.objects.create(user_id=user_id, idempotency_key=key, fingerprint=fingerprint)
    except IntegrityError:
        return AnsweredRequest.objects.get(user_id=user_id, idempotency_key=key)
    return None


def _end(user_id: int, key: str, answer: HttpResponse) -> None:
    _of(user_id, key).update(
        status=answer.status_code,
        headers={name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers},
        body=answer.content.decode(),
    )


def _of(user_id: int, key: str) -> QuerySet[AnsweredRequest]:
    return AnsweredRequest.objects.filter(user_id=user_id, idempotency_key=key)


def _repeated(before: AnsweredRequest, fingerprint: str) -> HttpResponse:
    if before.fingerprint != fingerprint:
        raise Problem(
            "idempotency_key_reused", f"this {HEADER} belongs to another request; accepted: a new one"
        )
    if before.status is None:
        raise Problem(
            "not_answered_yet",
            "the request with this key is under way, or it broke off. "
            "Look at the runs and the audit before you send it again with a new key",
            headers={"Retry-After": "1"},
        )
    return HttpResponse(before.body, status=before.status, headers={**before.headers, REPLAYED: "true"})
