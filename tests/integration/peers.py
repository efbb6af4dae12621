"""troy and tracegate as published, in a folder of their own: judged beside ours, never imported by it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

TROY, TRACEGATE = "troy==0.1.0", "tracegate==0.1.6"
_JUDGE = """
import json, sys, time
from pathlib import Path
from troy.models import Trace
from troy.policy.engine import PolicyRule, compute_risk_score, evaluate_policy
asked = json.load(sys.stdin)
rules = [
    PolicyRule(r["rule_id"], r["description"], r["condition"], r.get("severity", "medium"), r.get("weight", 10))
    for r in asked["rules"]
]
told = []
for value in asked["traces"]:
    trace = Trace.model_validate(value)
    began = time.process_time()
    found = evaluate_policy(trace, rules)
    seconds = time.process_time() - began
    violations = [[v.step_id, v.rule_id, v.details] for v in found]
    told.append({"violations": violations, "score": compute_risk_score(found, rules), "seconds": seconds})
json.dump(told, sys.stdout)
"""
_CHECK = """
import json, sys, time
from pathlib import Path
from tracegate.parsers import load_run
from tracegate.policy import check_policy, load_policy
run, policy = load_run(Path(sys.argv[1])), load_policy(Path(sys.argv[2]))
began = time.process_time()
found = check_policy(run, policy)
json.dump({"findings": len(found), "seconds": time.process_time() - began}, sys.stdout)
"""


def install(folder: pathlib.Path, *packages: str) -> str:
    """Install packages, without what they depend on, into a folder; return why not, or nothing."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    done = subprocess.run([*command, "--target", str(folder), *packages], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else " ".join(done.stderr.split())[-300:] or "pip failed"


def troy_rules(folder: pathlib.Path) -> list[dict[str, Any]]:
    """Return the rules that troy is published with."""
    files = sorted((folder / "troy" / "policies").glob("*.json"))
    return [rule for file in files for rule in json.loads(file.read_text())["rules"]]


def troy_judges(
    folder: pathlib.Path, rules: list[dict[str, Any]], traces: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return troy's violations (step, rule, details), score and CPU seconds for each trace."""
    asked = json.dumps({"rules": rules, "traces": traces})
    return _run(folder, [sys.executable, "-c", _JUDGE], asked)  # type: ignore[no-any-return]


def tracegate_checks(folder: pathlib.Path, trace: pathlib.Path, policy: pathlib.Path) -> dict[str, Any]:
    """Return the number of tracegate's findings and its CPU seconds, reading the files not counted."""
    return _run(folder, [sys.executable, "-c", _CHECK, str(trace), str(policy)], "")  # type: ignore[no-any-return]


def _run(folder: pathlib.Path, command: list[str], given: str) -> Any:
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(folder), "PYTHONWARNINGS": "ignore"},
    )
    return json.loads(done.stdout)
