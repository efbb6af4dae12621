"""Several journals as one: positions, what is lent, what is released, what goes."""

import pytest

from spanwarden.service.clock import SystemClock
from spanwarden.service.loading import check
from spanwarden.service.metrics import Telemetry
from spanwarden.service.workers import journals
from spanwarden.service.workers.journals import Journals, folder_of, journals_of, workers_journal
from spanwarden.service.workers.positions import SLOTS, joined, parted
from spanwarden.storage.directory import Directory, DirectoryError
from spanwarden.storage.journal import Entry
from spanwarden.storage.lmdb_journal import LmdbJournal

CLOCK = SystemClock()


def settings_of(folder, workers):
    storage = {"directory": str(folder), "journal": {"sync": "off"}}
    return check({"exporters": {}, "extensions": {"storage": storage}, "service": {"workers": workers}})


class Home:
    """A directory, and the journals of the processes that follow one another there."""

    def __init__(self, folder):
        self.folder = folder

    def owner(self, workers):
        directory = Directory(self.folder)
        directory.open()
        made = journals_of(settings_of(self.folder, workers), directory, Telemetry(), CLOCK)
        self._directory = directory
        return made

    def leave(self, journal):
        journal.close()
        self._directory.close()

    def worker(self, number, workers=2):
        directory = Directory(folder_of(self.folder, number))
        directory.open()
        journal = workers_journal(settings_of(self.folder, workers), directory, Telemetry(), CLOCK, shared=True)
        journal.open()
        return directory, journal

    def store(self, number, *received):
        """Have a worker store entries and end."""
        directory, journal = self.worker(number)
        for at in received:
            journal.append(entry(at)).result()
        journal.close()
        directory.close()


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return Home(folder)


def entry(received):
    return Entry("traces", received, b"body %d" % received, "peer")


@pytest.mark.parametrize(("position", "slot"), [(0, 0), (0, 63), (7, 1), (2**50, 5)])
def test_a_number_tells_position_and_slot(position, slot):
    assert parted(joined(position, slot)) == (position, slot)
    assert slot < SLOTS


def test_one_process_without_leftovers_has_its_journal_as_it_is(home):
    journal = home.owner(1)
    assert type(journal) is LmdbJournal
    home.leave(journal)


def test_what_was_left_is_read_in_the_order_in_which_it_came(home):
    home.store(1, 10, 40)
    home.store(2, 20, 30)
    owner = home.owner(1)
    assert isinstance(owner, Journals)
    owner.open()
    owner.append(entry(50)).result()
    found = list(owner.undecided())
    assert [each.received for _, each in found] == [10, 20, 30, 40]
    assert [parted(number)[1] for number, _ in found] == [1, 2, 2, 1]
    read = [owner.read(number) for number, _ in found]
    assert [(each.received, len(each.body)) for each in read if each] == [
        (each.received, each.size) for _, each in found
    ]
    assert [owner.part(number, 1, 7) for number, _ in found] == [each.body[1:7] for each in read if each]
    assert owner.entries() == 5
    assert owner.oldest() == 10
    owner.release([number for number, each in found if each.received != 20])
    home.leave(owner)
    assert sorted(path.name for path in home.folder.glob("worker-*")) == ["worker-2"]


def test_what_is_over_stays_over_in_each_journal_that_still_holds_it(home):
    home.store(1, 10, 11)
    home.store(2, 20)
    for _ in range(2):
        owner = home.owner(1)
        owner.open()
        numbers = {each.received: number for number, each in owner.undecided()}
        owner.release([], [(frozenset({"trace:aa"}), frozenset({numbers[11], numbers[20]}))])
        home.leave(owner)
    owner = home.owner(1)
    owner.open()
    assert all(owner.closed({"trace:aa"}, numbers[at]) for at in (10, 11, 20))
    assert not owner.closed({"trace:bb"}, numbers[20])
    home.leave(owner)


def test_a_journal_that_could_not_be_opened_is_not_taken_to_be_empty(home, monkeypatch):
    monkeypatch.setattr(journals, "_ATTEMPTS", 2)
    home.store(1, 10)
    directory, journal = home.worker(1)
    owner = home.owner(1)
    with pytest.raises(DirectoryError, match="used by another process"):
        owner.open()
    home.leave(owner)
    assert journal.read(0) == entry(10)
    journal.close()
    directory.close()


def test_a_lent_journal_is_read_here_and_its_worker_asked_to_release(home):
    home.store(1, 1, 2, 3)
    owner = home.owner(2)
    owner.open()
    positions = [parted(number)[0] for number, _ in owner.undecided()]
    for number in (1, 2):
        owner.lent(number).lend()
    lent = owner.lent(1)
    assert owner.entries() == 3
    assert [owner.read(joined(at, 1)).received for at in positions] == [1, 2, 3]
    assert [owner.part(joined(at, 1), 0, 2) for at in positions] == [entry(at).body[:2] for at in (1, 2, 3)]
    assert lent.held() == positions
    owner.release([joined(positions[0], 1)])
    assert lent.held() == positions[1:]
    release = lent.take_release()
    assert release.positions == positions[:1]
    assert lent.take_release() is None
    assert lent.unconfirmed() == [release]
    lent.confirmed(release.number)
    assert lent.unconfirmed() == []
    owner.release([joined(positions[1], 1)])
    home.leave(owner)
    # What no worker was there to release any more, the owner released at the end.
    directory, again = home.worker(1)
    assert [each.received for _, each in again.undecided()] == [1, 3]
    again.close()
    directory.close()
