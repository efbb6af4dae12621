from __future__ import annotations

import pathlib

from cli.filled_ledger import fill, rows, run


def test_what_there_is_is_counted(tmp_path: pathlib.Path) -> None:
    ledger = fill(tmp_path)
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "data.mdb").write_bytes(b"x" * 10_000)
    [found] = rows("stats", "--directory", tmp_path)
    assert found["runs"]["count"] == 2
    assert found["runs"]["first_decided"] < found["runs"]["last_decided"]
    assert found["findings"] == {
        "count": 2,
        "by_severity": {"critical": 1, "low": 1},
        "by_rule": [
            {"policy": "tight", "rule": "drop-table", "count": 1},
            {"policy": "tight", "rule": "too-slow", "count": 1},
        ],
    }
    assert [(row["exporter"], row["state"], row["count"]) for row in found["outbox"]] == [
        ("hook", "pending", 2),
        ("mail", "dead", 1),
    ]
    assert found["bytes"]["ledger"] == ledger.size() > 0
    assert found["bytes"]["journal"] >= 10_000
    ledger.close()


def test_people_get_tables(tmp_path: pathlib.Path) -> None:
    fill(tmp_path).close()
    done = run("stats", "--directory", tmp_path)
    assert done.stdout.startswith("2 runs, 2 findings\n")
    assert ["mail", "dead", "1"] in [line.split()[:3] for line in done.stdout.splitlines()]
