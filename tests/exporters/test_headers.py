import pytest
from pydantic import SecretStr

from spanwarden.exporters.headers import checked


def test_names_come_back_in_lower_case_with_their_values():
    assert checked({"X-Team": SecretStr("a b"), "Authorization": SecretStr("Bearer t")}) == {
        "x-team": "a b",
        "authorization": "Bearer t",
    }


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"bad name": "v"}, "'bad name' is not a header name"),
        ({"": "v"}, "not a header name"),
        ({"x\r\ny": "v"}, "not a header name"),
        ({"Host": "v"}, "set by the exporter"),
        ({"x-a": "one", "X-A": "two"}, "set twice"),
        ({"x-a": "secret\r\nx-b: 1"}, "not printable ASCII"),
        ({"x-a": "geheimnisß"}, "not printable ASCII"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_showing_the_value(headers, says):
    with pytest.raises(ValueError, match=says) as failure:
        checked({name: SecretStr(value) for name, value in headers.items()}, {"host"})
    assert not [value for value in headers.values() if len(value) > 1 and value in str(failure.value)]
