import ssl

import pytest

from spanwarden.configuration.section import Client
from spanwarden.exporters.tls import read_file, ssl_context


def test_the_default_verifies_with_tls_1_2_or_newer():
    context = ssl_context(Client())
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_verification_can_be_switched_off():
    context = ssl_context(Client(insecure_skip_verify=True))
    assert (context.check_hostname, context.verify_mode) == (False, ssl.CERT_NONE)


def test_files_that_cannot_be_used_are_named(tmp_path):
    missing, garbage = str(tmp_path / "missing.pem"), tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    with pytest.raises(ValueError, match=r"tls.ca_file .*missing.pem: No such file"):
        ssl_context(Client(ca_file=missing))
    with pytest.raises(ValueError, match=r"tls.ca_file .*garbage.pem: not a usable PEM file"):
        ssl_context(Client(ca_file=str(garbage)))
    with pytest.raises(ValueError, match=r"tls.cert_file .*garbage.pem: not a usable PEM file"):
        ssl_context(Client(cert_file=str(garbage), key_file=str(garbage)))
    with pytest.raises(ValueError, match=r"tls.key_file .*missing.pem: No such file"):
        read_file("tls.key_file", missing)
    assert read_file("tls.key_file", None) is None


def test_certificate_and_key_belong_together():
    with pytest.raises(ValueError, match="only one is set"):
        ssl_context(Client(cert_file="a.pem"))
