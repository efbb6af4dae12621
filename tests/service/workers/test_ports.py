"""A port that workers share is nobody else's."""

import contextlib
import socket

import pytest

from spanwarden.service.workers.ports import ReservedPort


@contextlib.contextmanager
def listener(option, port, host="127.0.0.1"):
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
        made.bind((host, port))
        made.listen(1)
        yield made


def test_a_port_is_found_and_can_be_shared_but_not_taken():
    port = ReservedPort("127.0.0.1:0")
    assert port.endpoint == f"127.0.0.1:{port.port}"
    with listener(socket.SO_REUSEPORT, port.port), listener(socket.SO_REUSEPORT, port.port):
        with pytest.raises(OSError, match="in use"), listener(socket.SO_REUSEADDR, port.port):
            pass
        with pytest.raises(OSError, match="in use"):
            ReservedPort(port.endpoint)
    port.close()


def test_who_only_reserves_gets_no_connection():
    port = ReservedPort("localhost:0")
    with listener(socket.SO_REUSEPORT, port.port) as one:
        one.settimeout(5)
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port.port), timeout=5):
                one.accept()[0].close()
    port.close()


def test_another_service_that_listens_is_noticed():
    with listener(socket.SO_REUSEPORT, 0) as one, pytest.raises(OSError, match="in use"):
        ReservedPort(f"127.0.0.1:{one.getsockname()[1]}")


def test_a_unix_socket_cannot_be_shared():
    with pytest.raises(ValueError, match="cannot be shared"):
        ReservedPort("unix:///tmp/spanwarden.sock")
