"""Make the recordings below examples/runs from captures, as lines that the Collector's file exporter would write.

usage: python scripts/record_examples.py CAPTURES_DIR

Each line is one export request in the order of arrival. Metrics are left out. The captures were made by running the
real programs against a scripted local model server; the secrets in them are dummies.
"""

from __future__ import annotations

import pathlib
import sys

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwarden.otlp import files, json_codec

TARGET = pathlib.Path(__file__).resolve().parent.parent / "examples" / "runs"
RUNS = {
    "1-clean-coding-session": "claude-code__native__benign_coding",
    "2-injected-web-page": "otel-genai__openai-agents__web_injection",
    "3-secrets-sent-out": "otel-genai__langchain__secret_exfil",
}
MESSAGES = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}


def main() -> None:
    """Run the command line."""
    captures = pathlib.Path(sys.argv[1])
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, capture in RUNS.items():
        lines = [
            json_codec.encode(MESSAGES[request.signal].FromString(request.body))
            for request in files.read(captures / capture)
        ]
        (TARGET / f"{name}.jsonl").write_bytes(b"\n".join(lines) + b"\n")


if __name__ == "__main__":
    main()
