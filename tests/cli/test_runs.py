from __future__ import annotations

import pathlib

import pytest

from cli.filled_ledger import fill, rows, run


def test_runs_are_listed_while_a_service_holds_the_ledger(tmp_path: pathlib.Path) -> None:
    ledger = fill(tmp_path)
    new, old = rows("runs", "--directory", tmp_path)
    assert (new["run"], old["run"]) == ("new", "old")
    assert old["agent"] == "alice"
    assert (old["completeness"], old["revision"], old["risk_score"], old["findings"]) == ("root_ended", 1, 40, 1)
    assert old["started"] == "1970-01-01T00:00:01.000Z"
    assert old["trace_ids"] == ["ab" * 16]
    assert old["evaluations"] == [
        {
            "policy": "tight",
            "version": "7",
            "hash": "hash",
            "revision": 1,
            "risk_score": 40,
            "not_evaluable": [{"rule": "other-rule", "needs": ["cost"]}],
            "rule_errors": [],
        }
    ]
    ledger.close()


def test_runs_are_chosen_by_agent_conversation_time_and_findings(tmp_path: pathlib.Path) -> None:
    fill(tmp_path).close()

    def names(*arguments: str) -> list[str]:
        return [row["run"] for row in rows("runs", "--directory", tmp_path, *arguments)]

    assert names("--agent", "alice") == ["old"]
    assert names("--agent", "' OR 1=1 --") == []
    assert names("--conversation", "conv-bob") == ["new"]
    assert names("--since", "2h") == ["new"]
    assert names("--since", "2001-01-01") == ["new", "old"]
    assert names("--findings", "--limit", "1") == ["new"]


def test_a_table_has_one_line_a_run(tmp_path: pathlib.Path) -> None:
    fill(tmp_path).close()
    done = run("runs", "--directory", tmp_path)
    heading, *lines = done.stdout.splitlines()
    assert heading.split()[:3] == ["decided", "run", "agent"]
    assert [line.split()[1] for line in lines] == ["new", "old"]


def test_the_directory_comes_from_the_settings_too(tmp_path: pathlib.Path) -> None:
    fill(tmp_path / "d").close()
    config = tmp_path / "c.yaml"
    config.write_text(f"extensions: {{storage: {{directory: {tmp_path / 'd'}}}}}\n")
    assert len(rows("runs", "--config", config)) == 2
    config.write_text("extensions: {storage: {directory: null}}\n")
    assert "in its memory only" in run("runs", "--config", config).stderr


@pytest.mark.parametrize("command", [["runs"], ["findings"], ["stats"], ["outbox", "list"], ["outbox", "retry"]])
def test_no_ledger_is_one_line_and_exit_2(tmp_path: pathlib.Path, command: list[str]) -> None:
    done = run(*command, "--directory", tmp_path)
    assert done.returncode == 2
    assert "no ledger here" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_ledger_is_one_line_and_exit_2(tmp_path: pathlib.Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"something else" * 100)
    done = run("runs", "--directory", tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_a_date_that_is_none_is_bad_usage(tmp_path: pathlib.Path) -> None:
    fill(tmp_path).close()
    done = run("runs", "--directory", tmp_path, "--since", "yesterday")
    assert done.returncode == 2
    assert "neither a duration" in done.stderr
