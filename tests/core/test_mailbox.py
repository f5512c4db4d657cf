"""The mailbox between threads: newest wins, and every loss is counted."""

import threading

import pytest

from mcoe.core.mailbox import Closed, Mailbox


def test_a_full_mailbox_drops_its_oldest_and_counts() -> None:
    box: Mailbox[int] = Mailbox(2)
    for i in range(5):
        box.put(i)
    assert [box.get(0), box.get(0)] == [3, 4]
    assert box.dropped == 3


def test_put_wait_loses_nothing() -> None:
    box: Mailbox[int] = Mailbox(1)
    got = []
    reader = threading.Thread(target=lambda: got.extend(box.get(5) for _ in range(100)))
    reader.start()
    for i in range(100):
        box.put_wait(i)
    reader.join(5)
    assert got == list(range(100))
    assert box.dropped == 0


def test_an_empty_mailbox_times_out() -> None:
    with pytest.raises(TimeoutError):
        Mailbox[int](1).get(0.0)


def test_closing_wakes_a_waiting_writer_and_lets_the_reader_finish() -> None:
    box: Mailbox[int] = Mailbox(1)
    box.put(1)
    woken = threading.Event()

    def write() -> None:
        with pytest.raises(Closed):
            box.put_wait(2)
        woken.set()

    threading.Thread(target=write).start()
    box.close()
    box.close()
    assert woken.wait(5)
    assert box.get(0) == 1
    with pytest.raises(Closed):
        box.get(0)
    with pytest.raises(Closed):
        box.put(3)


def test_clear_is_not_counted_as_loss() -> None:
    box: Mailbox[int] = Mailbox(3)
    box.put(1)
    box.clear()
    assert len(box) == 0
    assert box.dropped == 0


def test_capacity_is_checked() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Mailbox(0)
