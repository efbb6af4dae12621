from __future__ import annotations

import pathlib
import threading

from service.forwarding.upstreams import eventually
from spanwarden.service.forwarding.backlog import Backlog, Request
from spanwarden.storage.spill import Spill


def taken(backlog: Backlog) -> Request:
    request = backlog.take()
    assert request is not None
    return request


def test_what_is_on_disk_goes_before_what_came_later(tmp_path: pathlib.Path) -> None:
    spill = Spill(tmp_path, 1 << 20)
    for body in (b"first", b"second"):
        spill.write(spill.number(), "logs", body)
    backlog = Backlog(1000, spill)
    backlog.put("traces", b"third", None)
    order = []
    for _ in range(3):
        request = taken(backlog)
        order.append((backlog.load(request), request.signal))
        assert backlog.done(request)
    assert order == [(b"first", "logs"), (b"second", "logs"), (b"third", "traces")]
    assert backlog.idle()
    spill.close()


def test_bytes_under_way_count_until_they_are_done() -> None:
    backlog = Backlog(100, None)
    assert backlog.put("logs", b"x" * 60, None)
    assert not backlog.put("logs", b"x" * 60, None)
    request = taken(backlog)
    assert not backlog.put("logs", b"x" * 60, None)
    assert backlog.size == 60
    assert backlog.done(request)
    assert not backlog.done(request)
    assert backlog.put("logs", b"x" * 100, None)
    assert not backlog.put("logs", b"x" * 101, None)


def test_what_is_put_back_comes_again_first() -> None:
    backlog = Backlog(100, None)
    backlog.put("logs", b"a", None)
    backlog.put("logs", b"b", None)
    backlog.put_back(taken(backlog))
    assert [backlog.load(taken(backlog)) for _ in range(2)] == [b"a", b"b"]


def test_draining_gives_out_memory_and_leaves_the_disk(tmp_path: pathlib.Path) -> None:
    spill = Spill(tmp_path, 1 << 20)
    spill.write(spill.number(), "logs", b"on disk")
    backlog = Backlog(100, spill)
    backlog.put("logs", b"in memory", None)
    backlog.drain()
    assert not backlog.put("logs", b"late", None)
    assert backlog.load(taken(backlog)) == b"in memory"
    assert backlog.take() is None
    assert len(spill) == 1
    spill.close()


def test_abandoned_requests_are_disposed_of_once() -> None:
    backlog = Backlog(100, None)
    for body in (b"a", b"b", b"c"):
        backlog.put("logs", body, None)
    first = taken(backlog)
    assert [request.body for request in backlog.abandon()] == [b"a", b"b", b"c"]
    assert not backlog.done(first)
    backlog.put_back(first)
    assert backlog.take() is None
    assert backlog.abandon() == []
    assert backlog.size == 0


def test_a_waiting_thread_is_woken_by_a_request_and_by_the_end() -> None:
    backlog = Backlog(100, None)
    found: list[Request | None] = []
    thread = threading.Thread(target=lambda: found.extend((backlog.take(), backlog.take())))
    thread.start()
    backlog.put("logs", b"a", None)
    eventually(lambda: backlog.size == 1)
    backlog.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert found[-1] is None


def test_memory_more_than_half_full_moves_to_disk_from_its_young_end(tmp_path: pathlib.Path) -> None:
    spill = Spill(tmp_path, 1 << 20)
    backlog = Backlog(100, spill)
    for number in range(5):
        assert backlog.put("logs", b"%020d" % number, None)
    for _ in range(3):
        assert backlog.move_to_disk()
    assert (backlog.size, len(spill)) == (40, 3)
    order = []
    for _ in range(5):
        request = taken(backlog)
        order.append(int(backlog.load(request) or b""))
        backlog.done(request)
    assert order == [0, 1, 2, 3, 4]
    backlog.stop()
    assert not backlog.move_to_disk()
    spill.close()
