"""What the API stores: the answers to requests with an idempotency key."""

from typing import Final

from django.db import models
from django.utils import timezone

LONGEST_IDEMPOTENCY_KEY: Final = 255


class AnsweredRequest(models.Model):
    """A request of a user with an idempotency key, and its answer. `status` is null until it is answered.

    `fingerprint` tells one request from another one: the hash of method, path, query and body.
    """

    user_id = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=LONGEST_IDEMPOTENCY_KEY)
    fingerprint = models.CharField(max_length=64)
    begun_at = models.DateTimeField(default=timezone.now, db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)

    class Meta:
        """No user sees or changes rows."""

        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("user_id", "idempotency_key"), name="one_request_of_a_key"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} {self.idempotency_key}"
