"""TLS of what listens: settings as the Collector names them, and certificates that are read again when they change."""

from __future__ import annotations

import logging
import pathlib
import ssl
import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import grpc
from pydantic import Field, model_validator

from spanwarden.configuration.section import Duration, Section

logger = logging.getLogger(__name__)


class TlsServerSettings(Section):
    """TLS of a receiver."""

    cert_file: str = Field(min_length=1, description="File of the certificate and what chains it to its CA, PEM.")
    key_file: str = Field(min_length=1, description="File of the certificate's key, PEM, not encrypted.")
    client_ca_file: str | None = Field(
        None, description="File of CA certificates, PEM; clients must then show a certificate from one of them."
    )
    min_version: Literal["1.2", "1.3"] = Field(
        "1.2", description="Oldest version of TLS that is spoken. For gRPC it is always 1.2."
    )
    reload_interval: Duration = Field(
        60.0, description="How often the files are looked at; changed ones serve new connections. 0 means never."
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, dict) and not (value.get("cert_file") and value.get("key_file")):
            raise ValueError("TLS needs cert_file and key_file")
        return value


class Certificates(NamedTuple):
    """The contents of the files, PEM."""

    chain: bytes
    key: bytes
    client_ca: bytes | None


class CertificateFiles:
    """The files of one receiver. `current` looks at them at most once in an interval.

    A changed file that cannot be used leaves the former certificate in force and is logged once.
    """

    def __init__(self, settings: TlsServerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._looked = clock()
        self._stamp = self._stat()
        self._certificates = self._read()
        self._context = self._build()

    def current(self) -> tuple[Certificates, ssl.SSLContext]:
        """Return what is in force."""
        interval = self._settings.reload_interval
        now = self._clock()
        if interval and now - self._looked >= interval:
            self._looked = now
            self._refresh()
        return self._certificates, self._context

    def server_context(self) -> ssl.SSLContext:
        """Return a context for a listening socket; every handshake takes the certificate in force at its time."""
        context = self._build()

        def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self.current()[1]

        context.sni_callback = choose
        return context

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """Return credentials for gRPC; every handshake takes the certificate in force at its time."""
        given = self._certificates

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given
            now = self.current()[0]
            if now == given:
                return None
            given = now
            return _configuration(now)

        return grpc.dynamic_ssl_server_credentials(
            _configuration(given),
            fetch,  # type: ignore[arg-type]  # None says that nothing has changed
            require_client_authentication=given.client_ca is not None,
        )

    def _refresh(self) -> None:
        try:
            stamp = self._stat()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            certificates, context = self._read(), self._build()
        except (OSError, ValueError) as error:
            logger.warning("the new TLS files are not used: %s", error)
            return
        self._certificates, self._context = certificates, context
        logger.info("TLS certificate %s was read again", self._settings.cert_file)

    def _files(self) -> list[str]:
        settings = self._settings
        return [name for name in (settings.cert_file, settings.key_file, settings.client_ca_file) if name]

    def _stat(self) -> list[tuple[int, int, int]]:
        stats = [pathlib.Path(name).stat() for name in self._files()]
        return [(s.st_mtime_ns, s.st_size, s.st_ino) for s in stats]

    def _read(self) -> Certificates:
        chain, key, *client_ca = [pathlib.Path(name).read_bytes() for name in self._files()]
        return Certificates(chain, key, client_ca[0] if client_ca else None)

    def _build(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3 if settings.min_version == "1.3" else ssl.TLSVersion.TLSv1_2
        # A resumed session would outlive the CA that vouched for its client.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        try:
            # A password callback keeps OpenSSL from asking on the terminal.
            context.load_cert_chain(settings.cert_file, settings.key_file, password=lambda: b"")
        except ssl.SSLError as error:
            raise ValueError(f"{settings.cert_file} and {settings.key_file}: {_reason(error)}") from None
        if settings.client_ca_file:
            try:
                context.load_verify_locations(settings.client_ca_file)
            except ssl.SSLError as error:
                raise ValueError(f"{settings.client_ca_file}: {_reason(error)}") from None
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "not usable").replace("_", " ").lower()


def _configuration(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(certificates.key, certificates.chain)], root_certificates=certificates.client_ca
    )
