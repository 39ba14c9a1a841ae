"""What the children that run jobs add to django-q2: a span around each job."""

import contextlib
from collections.abc import Iterator

import pytest
from django_q.signals import post_execute_in_worker, post_spawn, pre_execute

from marketdata.observability.tracing import Tracing
from mdp_site.jobs import children


class NotedSpans(Tracing):
    """Notes the begin and the end of each span."""

    def __init__(self) -> None:
        self.notes: list[object] = []

    @contextlib.contextmanager
    def span(self, name: str, *, parent: str = "", **attributes: str | int | float) -> Iterator[None]:
        self.notes.append(("begin", name, attributes))
        yield
        self.notes.append("end")


def test_each_job_is_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = NotedSpans()
    monkeypatch.setattr(children, "configure_tracing", lambda _service: noted)
    monkeypatch.setattr(children, "_tracing", [])
    post_spawn.send(sender="test", proc_name="a child")
    for job in ("a.first", "a.second"):
        pre_execute.send(sender="test", func=None, task={"func": job})
        post_execute_in_worker.send(sender="test", func=None, task={"func": job})
    assert noted.notes == [
        ("begin", "job", {"job": "a.first"}),
        "end",
        ("begin", "job", {"job": "a.second"}),
        "end",
    ]
