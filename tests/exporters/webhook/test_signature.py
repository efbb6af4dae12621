import base64
import subprocess

import pytest

from spanwarden.exporters.webhook.signature import keys, signature

# The example of the Standard Webhooks specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
EXPECTED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_example_is_reproduced():
    assert signature(keys(SECRET), MESSAGE, TIMESTAMP, BODY) == EXPECTED


def test_openssl_computes_the_same():
    signed = f"{MESSAGE}.{TIMESTAMP}.".encode() + BODY
    try:
        digest = subprocess.run(
            ["openssl", "dgst", "-sha256", "-hmac", "plain-words", "-binary"],
            input=signed,
            capture_output=True,
            check=True,
        ).stdout
    except FileNotFoundError:
        pytest.skip("needs the openssl command")
    assert signature(keys("plain-words"), MESSAGE, TIMESTAMP, BODY) == "v1," + base64.b64encode(digest).decode()


def test_each_secret_signs_while_they_are_rotated():
    both = signature(keys(f"{SECRET} new-secret"), MESSAGE, TIMESTAMP, BODY).split(" ")
    assert both == [EXPECTED, signature(keys("new-secret"), MESSAGE, TIMESTAMP, BODY)]


@pytest.mark.parametrize("secret", ["", "   ", "whsec_", "good whsec_not*base64"])
def test_what_is_no_secret_is_refused_without_quoting_it(secret):
    with pytest.raises(ValueError, match="secret: ") as failure:
        keys(secret)
    assert "not*base64" not in str(failure.value)
