"""A worker's middle: bounded while the owner is slow, and whole in what it tells."""

import threading

import msgspec

from crash.load import Load
from spanwarden.dialects.reading import observe
from spanwarden.effects.table import DEFAULT_TABLE
from spanwarden.otlp.requests import decode_traces
from spanwarden.runs.packing import decode, encode
from spanwarden.service.metrics import Telemetry
from spanwarden.service.workers.ingest import Ingest
from spanwarden.service.workers.positions import joined, parted
from spanwarden.storage.journal import Left, MemoryJournal


class Owner:
    """Hears what is told once it listens."""

    def __init__(self, failing=0):
        self.listens = threading.Event()
        self.heard = []
        self._failing = failing

    def tell(self, told):
        self.listens.wait()
        if len(self.heard) == self._failing - 1:
            raise BrokenPipeError
        self.heard.append(told)


def bodies(runs):
    return [batch.request().SerializeToString() for share in Load(1).take(runs) for batch in share]


def ingest_of(owner, max_pending=1 << 20, max_bytes=1 << 30):
    telemetry = Telemetry()
    return Ingest(3, MemoryJournal(max_bytes), owner.tell, telemetry, max_pending, DEFAULT_TABLE), telemetry


def test_what_is_told_is_what_one_process_reads_with_places_in_the_workers_journal():
    owner = Owner()
    owner.listens.set()
    ingest, telemetry = ingest_of(owner)
    ingest.start()
    requests = [decode_traces(body) for body in bodies(8)]
    for position, request in enumerate(requests):
        ingest.hand_over(position, request, 100, "peer")
    assert ingest.stop(10)
    assert [(told.position, told.sender) for told in owner.heard] == [
        (joined(position, 3), "peer") for position in range(len(requests))
    ]
    for told, request in zip(owner.heard, requests, strict=True):
        observations = decode(told.observations)
        assert observations == observe(request, told.position)
        assert {parted(o.content.position)[1] for o in observations if o.content} <= {3}
    assert telemetry.value("spanwarden_pending_bytes") == 0


def test_while_the_owner_is_slow_what_waits_is_bounded_and_then_all_is_told():
    owner = Owner()
    ingest, telemetry = ingest_of(owner, max_pending=1000)
    ingest.start()
    request = decode_traces(bodies(4)[0])
    taken = 0
    while ingest.has_room(100, "peer"):
        ingest.hand_over(taken, request, 100, "peer")
        taken += 1
        assert taken < 100
    assert 5 <= taken <= 12
    assert telemetry.value("spanwarden_pending_bytes") <= 1100
    owner.listens.set()
    assert ingest.stop(10)
    assert len(owner.heard) == taken


def test_what_the_journal_keeps_is_shared_out_until_it_is_released():
    owner = Owner()
    owner.listens.set()
    ingest, _ = ingest_of(owner, max_bytes=1000)
    ingest.keeps(0, Left(0, 600, "flood", "", b""))
    assert not ingest.has_room(600, "flood")
    assert ingest.has_room(300, "other")
    ingest.let_go([0])
    assert ingest.has_room(600, "flood")


def test_it_ends_where_the_owner_is_gone():
    owner = Owner(failing=2)
    owner.listens.set()
    ingest, _ = ingest_of(owner)
    for position, body in enumerate(bodies(8)):
        ingest.hand_over(position, decode_traces(body), 100)
    ingest.start()
    assert ingest.stop(10)
    assert len(owner.heard) == 1


def test_text_that_has_no_bytes_is_left_to_the_owner():
    [observation, *_] = observe(decode_traces(bodies(1)[0]), 0)
    assert encode([msgspec.structs.replace(observation, tool="\ud800")]) is None
