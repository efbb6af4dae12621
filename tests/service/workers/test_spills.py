"""What one of several processes left to forward is taken over by the first."""

import pathlib

import pytest

from service.forwarding.upstreams import spans
from spanwarden.service.clock import SystemClock
from spanwarden.service.forwarding import Forwarding, Place
from spanwarden.service.loading import check
from spanwarden.service.metrics import Telemetry
from spanwarden.storage.spill import Spill

NAME = "otlp/up"


def settings_of(folder: pathlib.Path, max_size: str = "1MiB"):
    queue = {"spill": {"directory": str(folder), "max_size": max_size}}
    up = {"endpoint": "localhost:1", "tls": {"insecure": True}, "sending_queue": queue}
    pipelines = {"traces": {"exporters": [NAME]}, "findings": {"exporters": []}}
    return check({"exporters": {NAME: up}, "service": {"pipelines": pipelines}})


def configured(place: Place, settings):
    forwarding = Forwarding(Telemetry(), SystemClock(), place)
    forwarding.configure(settings, settings.service.pipelines)
    return forwarding


def spilled(folder: pathlib.Path):
    spill = Spill(folder, 1 << 20)
    found = []
    while (number := spill.claim()) is not None:
        found.append(spill.read(number))
    spill.close()
    return found


def leave(folder: pathlib.Path, *bodies: bytes):
    spill = Spill(folder, 1 << 20)
    for body in bodies:
        assert spill.write(spill.number(), "traces", body)
    spill.close()


def test_each_process_spills_into_a_folder_of_its_own(tmp_path):
    folders = [Place(number, 3).folder(tmp_path, NAME) for number in (1, 2, 3)]
    assert [str(folder.relative_to(tmp_path)) for folder in folders] == [
        "otlp%2Fup",
        "worker-2/otlp%2Fup",
        "worker-3/otlp%2Fup",
    ]


@pytest.mark.parametrize(("place", "taken"), [(Place(1, 1), [1, 2, 3]), (Place(1, 2), [1, 3]), (Place(2, 2), [2])])
def test_the_first_takes_over_from_those_that_are_no_more(tmp_path, place, taken):
    for number in (1, 2, 3):
        leave(Place(number, 3).folder(tmp_path, NAME), spans(1, number))
    configured(place, settings_of(tmp_path)).close(0.0)
    found = spilled(place.folder(tmp_path, NAME))
    assert found == [("traces", spans(1, number)) for number in taken]


def test_what_there_is_no_room_for_stays_where_it_is(tmp_path):
    bodies = [spans(10, 10 * number, filler=500) for number in range(4)]
    leave(Place(2, 2).folder(tmp_path, NAME), *bodies)
    configured(Place(), settings_of(tmp_path, "20KiB")).close(0.0)
    taken, left = spilled(Place().folder(tmp_path, NAME)), spilled(Place(2, 2).folder(tmp_path, NAME))
    assert [body for _, body in taken + left] == bodies
    assert taken
    assert left
