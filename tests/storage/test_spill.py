from __future__ import annotations

import pathlib
import threading

import pytest

from spanwarden.storage.spill import Spill, SpillError


def test_requests_come_back_oldest_first_and_survive_reopening(tmp_path: pathlib.Path) -> None:
    spill = Spill(tmp_path / "a" / "b", 1 << 20)
    numbers = [spill.number() for _ in range(3)]
    for number in reversed(numbers):
        assert spill.write(number, "logs", b"body %d" % number)
    assert not spill.write(numbers[0], "logs", b"again")
    assert spill.oldest() == numbers[0]
    assert spill.claim() == numbers[0]
    spill.close()
    again = Spill(tmp_path / "a" / "b", 1 << 20)
    assert len(again) == 3
    assert again.number() > max(numbers)
    for number in numbers:
        assert again.claim() == number
        assert again.read(number) == ("logs", b"body %d" % number)
        again.remove(number)
    assert again.claim() is None
    assert again.size == 0
    again.close()
    again.close()


def test_disk_space_is_bounded_in_blocks(tmp_path: pathlib.Path) -> None:
    spill = Spill(tmp_path, 3 * 4096)
    assert [spill.write(spill.number(), "traces", b"x") for _ in range(4)] == [True, True, True, False]
    assert spill.size == 3 * 4096
    number = spill.claim()
    assert number is not None
    spill.remove(number)
    assert not spill.write(spill.number(), "traces", b"x" * 4096)
    assert spill.write(spill.number(), "traces", b"x" * 4000)
    spill.close()


def test_what_is_given_back_waits_again(tmp_path: pathlib.Path) -> None:
    spill = Spill(tmp_path, 1 << 20)
    spill.write(1, "metrics", b"")
    assert spill.claim() == 1
    assert spill.claim() is None
    spill.give_back(1)
    assert spill.claim() == 1
    assert spill.read(1) == ("metrics", b"")
    spill.close()


def test_strange_files_and_links_are_left_alone(tmp_path: pathlib.Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = tmp_path / "spill"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "zz.otlp").write_text("mine")
    (folder / "000000000000000g.otlp").write_text("mine")
    (folder / "0000000000000001.otlp").symlink_to(secret)
    (folder / "0000000000000002.otlp").mkdir()
    spill = Spill(folder, 1 << 20)
    assert len(spill) == 0
    assert spill.read(1) is None
    spill.close()
    assert (folder / "notes.txt").exists()
    assert secret.read_text() == "secret"


def test_a_closed_or_vanished_folder_takes_nothing(tmp_path: pathlib.Path) -> None:
    spill = Spill(tmp_path / "x", 1 << 20)
    (tmp_path / "x" / "lock").unlink()
    (tmp_path / "x").rmdir()
    assert not spill.write(1, "logs", b"x")
    assert spill.size == 0
    spill.close()
    assert not spill.write(2, "logs", b"x")


def test_only_one_user_at_a_time(tmp_path: pathlib.Path) -> None:
    spill = Spill(tmp_path, 1 << 20)
    with pytest.raises(SpillError, match="used by another process"):
        Spill(tmp_path, 1 << 20)
    spill.close()
    Spill(tmp_path, 1 << 20).close()


def test_writers_and_readers_at_once(tmp_path: pathlib.Path) -> None:
    spill = Spill(tmp_path, 1 << 24)
    seen: list[bytes] = []
    written = threading.Event()

    def write() -> None:
        for _ in range(200):
            number = spill.number()
            assert spill.write(number, "traces", number.to_bytes(8, "big"))

    def read() -> None:
        while True:
            last = written.is_set()
            number = spill.claim()
            if number is None:
                if last:
                    return
                continue
            found = spill.read(number)
            assert found is not None
            seen.append(found[1])
            spill.remove(number)

    writers = [threading.Thread(target=write) for _ in range(3)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    written.set()
    for thread in readers:
        thread.join()
    assert sorted(seen) == [number.to_bytes(8, "big") for number in range(1, 601)]
    assert (len(spill), spill.size) == (0, 0)
    spill.close()
