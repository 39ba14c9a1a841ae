"""Everything that is put into the outboxes of a web process is accounted for, whatever clients do."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.support.manual_clock import ManualClock
from tests.unit.widgets.fakes import ReadingClient
from widgets.data_state import DataState
from widgets.hub.outbox import MOST_ANSWERS, Outbox, Outboxes, StatusFrames
from widgets.protocol import ProtocolVersion, Status
from widgets.wire import PreparedFrame

LIVE = Status(state=DataState.LIVE, age_ms=5, detail="")
FRAME = PreparedFrame("{}")
FEEDS = ("a", "b", "empty")

Step = tuple[str, int, str]


def render(feed: str, _version: ProtocolVersion) -> PreparedFrame | None:
    """The feed `empty` has no data yet."""
    return None if feed == "empty" else FRAME


class Rig:
    """Three connections of a process, and what its hub does with them."""

    def __init__(self) -> None:
        self.outboxes = Outboxes(render, ManualClock(), lambda: None)
        self.clients = [ReadingClient() for _ in range(3)]
        for client in self.clients:
            self.outboxes.add(client.outbox)

    def update(self, feed: str, most_entries: int) -> None:
        """Emit to all that are connected, as the switchboard does."""
        for outbox in self.outboxes:
            outbox.update(feed, (FRAME, FRAME), most_entries)
        self.outboxes.fates.put += len(self.outboxes)

    @staticmethod
    def flood(outbox: Outbox) -> None:
        """One more answer than a client may leave unread."""
        for _ in range(MOST_ANSWERS + 1):
            outbox.answer(FRAME)

    def do(self, step: Step) -> None:
        """One step of one connection, or of all."""
        what, number, feed = step
        client, outboxes = self.clients[number], self.outboxes
        outbox = client.outbox
        steps: dict[str, Callable[[], object]] = {
            "update": lambda: self.update(feed, 0),
            "entries": lambda: self.update(feed, 3),
            "status": lambda: outboxes.send_status(LIVE),
            "answer": lambda: outbox.answer(FRAME),
            "flood": lambda: self.flood(outbox),
            "snapshot": lambda: outbox.snapshot(feed),
            "resume": lambda: outbox.resume(feed, (FRAME,)),
            "unsubscribe": lambda: outbox.discard(feed),
            "flush": lambda: outboxes.flush(outbox),
            "block": client.sink.pause,
            "abandon": outbox.abandon,
            "leave": lambda: outboxes.remove(outbox),
            "housekeep": lambda: outboxes.housekeep(10.0),
        }
        steps[what]()


STEPS = "update entries status answer snapshot resume unsubscribe flush block abandon leave housekeep flood"


@given(
    st.lists(
        st.tuples(st.sampled_from(STEPS.split()), st.integers(0, 2), st.sampled_from(FEEDS)), max_size=40
    )
)
def test_the_books_of_frames_close_after_any_course_of_events(steps: list[Step]) -> None:
    rig = Rig()
    for step in steps:
        rig.do(step)
        book = rig.outboxes.book()
        assert book.unaccounted == 0, (step, book)


def test_what_waited_before_the_connection_was_added_is_in_the_books() -> None:
    outboxes, client = Outboxes(render, ManualClock(), lambda: None), ReadingClient()
    client.outbox.status(StatusFrames(LIVE))
    client.outbox.answer(FRAME)
    outboxes.add(client.outbox)
    assert (outboxes.book().received, outboxes.book().waiting) == (2, 2)
    outboxes.remove(client.outbox)
    assert outboxes.book().lost == {"gone with the connection or subscription": 2}
    assert outboxes.book().closes


def test_a_client_that_has_not_logged_in_is_in_the_books_with_what_it_was_sent() -> None:
    outboxes, stranger = Outboxes(render, ManualClock(), lambda: None), ReadingClient()
    stranger.outbox.answer(FRAME)
    outboxes.flush(stranger.outbox)
    assert (outboxes.book().received, outboxes.book().done) == (1, 1)
    stranger.sink.pause()
    stranger.outbox.answer(FRAME)
    outboxes.flush(stranger.outbox)
    assert (outboxes.book().received, outboxes.book().waiting) == (1, 0)
    outboxes.add(stranger.outbox)
    assert (outboxes.book().received, outboxes.book().waiting) == (2, 1)
    stranger.sink.resume()
    outboxes.flush(stranger.outbox)
    assert (outboxes.book().done, outboxes.book().unaccounted) == (2, 0)
