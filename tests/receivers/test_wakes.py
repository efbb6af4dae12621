"""Calls from other threads into a loop: all of them, in order, with few wake-ups."""

from __future__ import annotations

import asyncio
import threading

from spanwarden.receivers.otlp.wakes import Wakes


class CountedLoop(asyncio.SelectorEventLoop):
    """A loop that counts how often other threads wake it."""

    woken = 0

    def call_soon_threadsafe(self, *arguments, **named):
        self.woken += 1
        return super().call_soon_threadsafe(*arguments, **named)


def test_what_comes_together_wakes_the_loop_once() -> None:
    loop = CountedLoop()
    seen: list[int] = []
    wakes = Wakes(loop)
    for number in range(100):
        wakes.call(lambda number=number: seen.append(number))  # type: ignore[misc]
    assert seen == []
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == list(range(100))
    assert loop.woken == 1
    loop.close()


def test_nothing_from_several_threads_is_lost_and_each_keeps_its_order() -> None:
    loop = CountedLoop()
    wakes = Wakes(loop)
    seen: list[tuple[int, int]] = []
    done = asyncio.Event()

    def note(thread: int, number: int) -> None:
        seen.append((thread, number))
        if len(seen) == 4 * 2000:
            done.set()

    def work(thread: int) -> None:
        for number in range(2000):
            wakes.call(lambda number=number: note(thread, number))  # type: ignore[misc]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    loop.run_until_complete(asyncio.wait_for(done.wait(), 30))
    for thread in threads:
        thread.join()
    for thread_number in range(4):
        assert [number for thread, number in seen if thread == thread_number] == list(range(2000))
    loop.close()


def test_a_closed_loop_is_left_alone() -> None:
    loop = asyncio.SelectorEventLoop()
    wakes = Wakes(loop)
    loop.close()
    wakes.call(lambda: None)
