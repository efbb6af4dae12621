"""The bench measures receivers that take every request; the gates hold with room for a busy machine."""

from bench.receive_requests import latencies, measure


def test_small_requests_stay_cheap(tmp_path):
    costs = measure(3, 800, str(tmp_path))
    assert 0 < costs["http_floor"] < costs["http"] < costs["grpc"]
    assert costs["grpc"] < 2.5 * costs["grpc_floor"]
    # The gates are 100 and 400 us on a quiet machine.
    assert costs["http"] < 300
    assert costs["grpc"] < 1200
    # A journal on disk makes a request dearer, and groups keep that small.
    assert costs["http_durable"] < 600
    assert costs["grpc_durable"] < 1800
    assert list(tmp_path.iterdir()) == []


def test_latencies_are_those_of_every_client(tmp_path):
    found = latencies(100, str(tmp_path), 10)
    assert all(0 < half <= most for half, most in found.values())
