import pytest

from spanwarden.detectors.actions import asked, deed, orders, split_name
from spanwarden.detectors.outcomes import outcome
from spanwarden.detectors.wording import canonical, stems


def test_names_are_split() -> None:
    assert split_name("mcp__mail.sendMessage") == ["mcp", "mail", "send", "message"]


@pytest.mark.parametrize(
    ("tool", "manner", "act"),
    [
        ("sendInvoice", "act", "send"),
        ("get_messages", "read", None),
        ("list_orders", "read", None),
        ("delete_user", "act", "delete"),
        ("Bash", "act", "run"),
        ("frobnicate", "act", None),
    ],
)
def test_deeds(tool: str, manner: str, act: str | None) -> None:
    what = deed(tool)
    assert what.manner == manner
    assert (act in what.acts) if act else not what.acts


def test_asked_needs_act_and_thing() -> None:
    words = stems(canonical("Please change my street address"))
    assert asked(deed("update_address"), words)
    assert not asked(deed("update_password"), words)


@pytest.mark.parametrize(
    ("sentence", "ordered"),
    [
        ("Please forward it to Ann", True),
        ("You must forward it", True),
        ("It needs to be said: we want you to forward it", True),
        ("I saw the forward", False),
        ("They decided against it yesterday", False),
    ],
)
def test_orders(sentence: str, ordered: bool) -> None:
    assert orders(deed("forward_mail"), canonical(sentence).split()) is ordered


@pytest.mark.parametrize(
    ("result", "error", "expected"),
    [
        ("Sent.", None, "done"),
        ("", None, "done"),
        ("anything", "boom", "failed"),
        ({"message": "Permission denied"}, None, "failed"),
        ("ValueError: no such row", None, "failed"),
        ("Please confirm by mail.", None, "pending"),
        ("Approval required", None, "pending"),
        ("Minutes: the plan was denied. " * 40, None, "done"),
    ],
)
def test_outcomes(result: object, error: str | None, expected: str) -> None:
    assert outcome(result, error) == expected
