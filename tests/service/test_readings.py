"""What was read is used again only where reading again would say the same."""

import pytest

from crash.load import Load
from crash.process import Clock, Process
from spanwarden.dialects.reading import observe
from spanwarden.effects.table import DEFAULT_TABLE
from spanwarden.otlp.requests import decode_traces
from spanwarden.runs.packing import encode
from spanwarden.service.readings import Readings


@pytest.fixture
def observations():
    body = Load(1).take(4)[0][0].request().SerializeToString()
    return observe(decode_traces(body), 7)


def test_what_is_opened_is_what_was_sealed(observations):
    sealed = Readings().seal(7, encode(observations), DEFAULT_TABLE)
    assert Readings().open(7, sealed, DEFAULT_TABLE) == observations != []


def test_what_was_read_at_another_place_or_with_other_tools_is_read_again(observations):
    readings = Readings()
    sealed = readings.seal(7, encode(observations), DEFAULT_TABLE)
    assert readings.open(8, sealed, DEFAULT_TABLE) is None
    assert readings.open(7, sealed, DEFAULT_TABLE.extended({"run_shell": ("none",)})) is None
    assert readings.open(7, sealed, DEFAULT_TABLE.extended({})) == observations


def test_what_is_damaged_is_read_again(observations):
    readings = Readings()
    sealed = readings.seal(7, encode(observations), DEFAULT_TABLE)
    for at in range(0, len(sealed), 7):
        changed = sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]
        assert readings.open(7, changed, DEFAULT_TABLE) is None
    assert readings.open(7, sealed[:-1], DEFAULT_TABLE) is None
    assert readings.open(7, b"", DEFAULT_TABLE) is None
    assert readings.open(7, readings.seal(7, b"no observations", DEFAULT_TABLE), DEFAULT_TABLE) is None


def requests():
    return [batch.request().SerializeToString() for share in Load(3).take(8) for batch in share]


def begun(folder):
    """Return how many observations of open runs a process leaves behind that reads some requests."""
    process = Process(folder, Clock())
    for body in requests():
        process.receive(body)
    held = process.windows.observations
    process.journal.flush()
    process.close()
    return held


def test_a_start_reads_nothing_again(tmp_path, monkeypatch):
    held = begun(tmp_path / "data")
    monkeypatch.setattr("spanwarden.service.corridor.decode", None)
    process = Process(tmp_path / "data", Clock())
    assert process.windows.observations == held > 8
    process.finish()
    process.close()
    assert len(process.deliveries) > 8


def test_a_start_reads_again_what_was_read_by_another_version(tmp_path, monkeypatch):
    held = begun(tmp_path / "data")
    monkeypatch.setattr("spanwarden.service.readings.metadata.version", lambda _: "another")
    decoded = []
    monkeypatch.setattr("spanwarden.service.corridor.observe", lambda *told: decoded.append(1) or observe(*told))
    process = Process(tmp_path / "data", Clock())
    assert process.windows.observations == held
    assert len(decoded) == len(requests())
    process.close()
