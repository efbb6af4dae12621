from __future__ import annotations

import pathlib

from cli.filled_ledger import fill, rows, run


def test_findings_are_listed_without_the_words_of_their_evidence(tmp_path: pathlib.Path) -> None:
    fill(tmp_path).close()
    new, old = rows("findings", "--directory", tmp_path)
    assert (new["finding"]["rule"], old["finding"]["rule"]) == ("too-slow", "drop-table")
    assert (old["run"], old["agent"], old["status"], old["revision"]) == ("old", "alice", "new", 1)
    assert old["finding"]["evidence"][0]["text"].startswith("[16 characters")
    assert b"the secret words" not in (tmp_path / "ledger.sqlite").read_bytes()


def test_findings_are_chosen_by_run_rule_severity_and_time(tmp_path: pathlib.Path) -> None:
    fill(tmp_path).close()

    def rules(*arguments: str) -> list[str]:
        return [row["finding"]["rule"] for row in rows("findings", "--directory", tmp_path, *arguments)]

    assert rules("--run", "old") == ["drop-table"]
    assert rules("--rule", "too-slow") == ["too-slow"]
    assert rules("--severity", "medium") == ["drop-table"]
    assert rules("--since", "90m") == ["too-slow"]
    assert rules("--limit", "1") == ["too-slow"]


def test_a_table_is_safe_to_look_at(tmp_path: pathlib.Path) -> None:
    fill(tmp_path).close()
    done = run("findings", "--directory", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "drop-table" in done.stdout
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) == 3
