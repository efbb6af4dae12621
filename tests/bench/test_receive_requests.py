"""The bench measures receivers that take every request; the gates hold with room for a busy machine."""

from bench.receive_requests import measure


def test_small_requests_stay_cheap():
    costs = measure(3, 800)
    assert 0 < costs["http_floor"] < costs["http"] < costs["grpc"]
    assert costs["grpc"] < 2.5 * costs["grpc_floor"]
    # The gates are 100 and 400 us on a quiet machine.
    assert costs["http"] < 300
    assert costs["grpc"] < 1200
