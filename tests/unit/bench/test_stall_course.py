"""When the kernel's buffers of clients that do not read are full, from samples of a noisy total."""

from tests.bench.disturbances import plateau


def test_frames_of_a_tick_that_others_read_at_once_do_not_count() -> None:
    filling = [(0.5 * n, min(n * 20, 280)) for n in range(60)]
    noisy = [(at, size + 40 * (number % 3 == 0)) for number, (at, size) in enumerate(filling)]
    most, full_after_seconds = plateau(noisy)
    assert most == 280
    assert 6.0 <= full_after_seconds <= 7.5


def test_buffers_that_are_full_at_once_are_full_at_the_first_sample() -> None:
    assert plateau([(0.0, 300), (0.5, 300)]) == (300, 0.0)
