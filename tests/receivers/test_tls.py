from __future__ import annotations

import asyncio
import pathlib
import ssl

import grpc
import grpc.aio
import pytest
import trustme
from pydantic import ValidationError

from receivers.bench_receivers import Room, body, export, post, send
from spanwarden.receivers.otlp.settings import GrpcSettings
from spanwarden.receivers.tls import CertificateFiles, TlsServerSettings

pytestmark = pytest.mark.usefixtures("each_loop")


class Files:
    """Certificate files of a server, and the CAs behind them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.cert, self.key, self.clients = (str(folder / name) for name in ("cert.pem", "key.pem", "clients.pem"))

    def write(self, ca: trustme.CA, client_ca: trustme.CA | None = None) -> None:
        leaf = ca.issue_cert("localhost", "127.0.0.1")
        leaf.private_key_pem.write_to_path(self.key)
        pathlib.Path(self.cert).write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        if client_ca is not None:
            client_ca.cert_pem.write_to_path(self.clients)

    def spoil(self) -> None:
        pathlib.Path(self.cert).write_text("rubbish")

    def settings(self, mutual: bool = False, **more: object) -> dict[str, object]:
        tls: dict[str, object] = {"cert_file": self.cert, "key_file": self.key, "reload_interval": "1us", **more}
        if mutual:
            tls["client_ca_file"] = self.clients
        return tls


def client(ca: trustme.CA, shown: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if shown is not None:
        shown.configure_cert(context)
    return context


def channel(ca: trustme.CA, shown: trustme.LeafCert | None = None) -> grpc.ChannelCredentials:
    chain = b"".join(blob.bytes() for blob in shown.cert_chain_pems) if shown else None
    return grpc.ssl_channel_credentials(ca.cert_pem.bytes(), shown.private_key_pem.bytes() if shown else None, chain)


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Files:
    return Files(tmp_path)


def test_http_over_tls_and_a_new_certificate_without_a_restart(files: Files) -> None:
    async def run() -> None:
        old, new = trustme.CA(), trustme.CA()
        files.write(old)
        async with Room().http(tls=files.settings()) as port:
            assert (await send(port, post(body()), ssl=client(old), server_hostname="localhost"))[0] == 200
            with pytest.raises(ssl.SSLCertVerificationError):
                await send(port, post(body()), ssl=client(new), server_hostname="localhost")
            files.write(new)
            assert (await send(port, post(body()), ssl=client(new), server_hostname="localhost"))[0] == 200
            # A file that cannot be used leaves the former certificate in force.
            files.spoil()
            assert (await send(port, post(body()), ssl=client(new), server_hostname="localhost"))[0] == 200

    asyncio.run(run())


def test_http_asks_clients_for_certificates_of_the_ca_in_force(files: Files) -> None:
    async def run() -> None:
        ca, first, second = trustme.CA(), trustme.CA(), trustme.CA()
        files.write(ca, first)
        ours, theirs = first.issue_cert("agent"), second.issue_cert("agent")
        async with Room().http(tls=files.settings(mutual=True)) as port:

            async def status(shown: trustme.LeafCert | None) -> int:
                return (await send(port, post(body()), ssl=client(ca, shown), server_hostname="localhost"))[0]

            assert await status(ours) == 200
            for wrong in (None, theirs):
                with pytest.raises((ssl.SSLError, OSError, asyncio.IncompleteReadError)):
                    await status(wrong)
            second.cert_pem.write_to_path(files.clients)
            assert await status(theirs) == 200
            with pytest.raises((ssl.SSLError, OSError, asyncio.IncompleteReadError)):
                await status(ours)

    asyncio.run(run())


def test_http_refuses_older_tls(files: Files) -> None:
    async def run() -> None:
        ca = trustme.CA()
        files.write(ca)
        async with Room().http(tls=files.settings(min_version="1.3")) as port:
            context = client(ca)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises((ssl.SSLError, OSError)):
                await send(port, post(body()), ssl=context, server_hostname="localhost")
            assert (await send(port, post(body()), ssl=client(ca), server_hostname="localhost"))[0] == 200

    asyncio.run(run())


def test_a_client_without_tls_is_cut_off(files: Files) -> None:
    async def run() -> None:
        files.write(trustme.CA())
        async with Room().http(tls=files.settings()) as port:
            with pytest.raises((asyncio.IncompleteReadError, OSError)):
                await send(port, post(body()))

    asyncio.run(run())


def test_grpc_over_tls_and_a_new_certificate_without_a_restart(files: Files) -> None:
    async def run() -> None:
        old, new = trustme.CA(), trustme.CA()
        files.write(old)
        async with Room().grpc(tls=files.settings()) as port:
            await export(f"localhost:{port}", body(), channel(old))
            files.write(new)
            await export(f"localhost:{port}", body(), channel(new))
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await export(f"localhost:{port}", body(), channel(old))
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE

    asyncio.run(run())


def test_grpc_asks_clients_for_certificates(files: Files) -> None:
    async def run() -> None:
        ca, clients, strangers = trustme.CA(), trustme.CA(), trustme.CA()
        files.write(ca, clients)
        async with Room().grpc(tls=files.settings(mutual=True)) as port:
            await export(f"localhost:{port}", body(), channel(ca, clients.issue_cert("agent")))
            for wrong in (None, strangers.issue_cert("agent")):
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await export(f"localhost:{port}", body(), channel(ca, wrong))
                assert error.value.code() is grpc.StatusCode.UNAVAILABLE

    asyncio.run(run())


def test_files_are_looked_at_once_in_an_interval(files: Files) -> None:
    files.write(trustme.CA())
    now = 100.0
    watched = CertificateFiles(TlsServerSettings(**files.settings(reload_interval="60s")), lambda: now)  # type: ignore[arg-type]
    first = watched.current()
    files.write(trustme.CA())
    now = 159.0
    assert watched.current() == first
    now = 160.0
    assert watched.current() != first


@pytest.mark.parametrize("broken", ["cert", "key", "clients"])
def test_an_unusable_file_is_an_error_at_the_start(files: Files, broken: str) -> None:
    files.write(trustme.CA(), trustme.CA())
    path = pathlib.Path(getattr(files, broken))
    path.write_text("rubbish")
    with pytest.raises(ValueError, match=path.name):
        CertificateFiles(TlsServerSettings(**files.settings(mutual=True)))  # type: ignore[arg-type]
    path.unlink()
    with pytest.raises(OSError, match=path.name):
        CertificateFiles(TlsServerSettings(**files.settings(mutual=True)))  # type: ignore[arg-type]


def test_settings_that_cannot_be_kept_are_refused(files: Files) -> None:
    with pytest.raises(ValidationError, match="cert_file and key_file"):
        TlsServerSettings.model_validate({"cert_file": "x"})
    with pytest.raises(ValidationError, match="gRPC library"):
        GrpcSettings.model_validate({"tls": files.settings(min_version="1.3")})
