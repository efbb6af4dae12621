"""The conformance suite against the real Collector's otlp receiver: a row that we hold wrongly fails here."""

import os
import subprocess
import sys
from xml.etree import ElementTree as ET

from integration.collectors import ROOT
from integration.processes import free_port

ROWS = 120
"""The suite has more rows than this; a run of fewer has missed something."""


def test_the_collectors_receiver_passes_the_suite(tmp_path, collector):
    grpc, http = free_port(), free_port()
    pipeline = {"receivers": ["otlp"], "exporters": ["nop"]}
    protocols = {"grpc": {"endpoint": f"127.0.0.1:{grpc}"}, "http": {"endpoint": f"127.0.0.1:{http}"}}
    settings = {
        "receivers": {"otlp": {"protocols": protocols}},
        "exporters": {"nop": {}},
        "service": {"pipelines": {"traces": pipeline, "logs": pipeline, "metrics": pipeline}},
    }
    collector(settings, [grpc, http])
    report = tmp_path / "report.xml"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--junitxml={report}",
            "tests/otlp_conformance",
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "OTLP_TARGET_GRPC": f"127.0.0.1:{grpc}",
            "OTLP_TARGET_HTTP": f"127.0.0.1:{http}",
            "OTLP_TARGET_KIND": "collector",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    cases = list(ET.parse(report).iter("testcase"))
    skipped = {case.get("name").partition("[")[0] for case in cases if case.find("skipped") is not None}
    assert len(cases) > ROWS
    # Nothing else is passed over: overload needs a hand inside the receiver.
    assert all("overload" in name for name in skipped), skipped
