"""What counts as destructive."""

from __future__ import annotations

from typing import Any

import pytest

from spanwarden.effects.classify import effects_of
from spanwarden.model.event import Event
from spanwarden.policy.destruction import destroys


def call(tool: str, arguments: Any = None) -> Event:
    return Event("tool_call", tool=tool, effects=effects_of(tool, arguments))


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("delete_user", None),
        ("deleteCustomerRecord", None),
        ("terminate_instance", {"id": "i-1"}),
        ("drop_table", {"name": "orders"}),
        ("format_disk", {"disk": "sda"}),
        ("kill_process", {"pid": 1}),
        ("rm", None),
        ("delete_file", {"path": "report.pdf"}),
        ("Bash", {"command": "rm -rf ~/photos"}),
        ("Bash", {"command": "rm -rf ../other"}),
        ("Bash", {"command": "rm -rf ."}),
        ("Bash", {"command": "git push --force origin main"}),
        ("execute_sql", {"query": "DROP TABLE users"}),
        ("execute_sql", {"query": "delete from users"}),
    ],
)
def test_destructive(tool: str, arguments: Any) -> None:
    assert destroys(call(tool, arguments))


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("confirm_order", {"order": 1}),
        ("transform_rows", None),
        ("get_information", None),
        ("format_date", {"date": "2026-01-01"}),
        ("upskill_lookup", None),
        ("drop_off_passenger", None),
        ("KillShell", {"shell_id": "a"}),
        ("list_deleted_items", None),
        ("get_delete_policy", None),
        ("delete_draft", {"id": 1}),
        ("Bash", {"command": "rm -rf build"}),
        ("Bash", {"command": "rm -rf /tmp/work"}),
        ("Bash", {"command": "rm -rf /home/me/project/node_modules"}),
        ("Bash", {"command": "find . -name '*.pyc' | xargs rm"}),
        ("execute_sql", {"query": "delete from carts where id = 7"}),
        ("execute_sql", {"query": "select * from drops"}),
        ("delete_memory", {"id": 3}),
    ],
)
def test_not_destructive(tool: str, arguments: Any) -> None:
    assert not destroys(call(tool, arguments))
