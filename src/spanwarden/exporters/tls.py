"""TLS of outgoing HTTP connections, from the settings every exporter shares."""

from __future__ import annotations

import ssl
from pathlib import Path

from spanwarden.configuration.section import Client


def ssl_context(tls: Client) -> ssl.SSLContext:
    """Return the context for these settings. Raises ValueError, naming the file, where one cannot be used."""
    require_key_pair(tls)
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"tls.ca_file {tls.ca_file}: {_reason(error)}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file is not None:
        try:
            # A password callback keeps OpenSSL from asking on the terminal for the key of an encrypted file.
            context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: b"")
        except OSError as error:
            raise ValueError(f"tls.cert_file {tls.cert_file}: {_reason(error)}") from None
    return context


def require_key_pair(tls: Client) -> None:
    """Raise ValueError where only one of certificate and key is given."""
    if (tls.cert_file is None) != (tls.key_file is None):
        raise ValueError("tls.cert_file and tls.key_file belong together; only one is set")


def read_file(setting: str, path: str | None) -> bytes | None:
    """Return the bytes of a file named in the settings, None where none is named. Raises ValueError."""
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{setting} {path}: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "not a usable PEM file"
    return error.strerror or str(error)
