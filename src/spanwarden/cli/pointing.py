"""How to point a real agent at a running spanwarden; the README says the same."""

from __future__ import annotations

HINTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Claude Code",
        (
            "export CLAUDE_CODE_ENABLE_TELEMETRY=1 CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1",
            "export OTEL_LOGS_EXPORTER=otlp OTEL_TRACES_EXPORTER=otlp",
            "export OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:{grpc}",
            "export OTEL_LOG_USER_PROMPTS=1 OTEL_LOG_TOOL_DETAILS=1 OTEL_LOG_TOOL_CONTENT=1",
        ),
    ),
    (
        "Codex (~/.codex/config.toml)",
        (
            "[otel]",
            "log_user_prompt = true",
            'exporter = {{ otlp-grpc = {{ endpoint = "http://localhost:{grpc}" }} }}',
        ),
    ),
    (
        "Any OpenTelemetry SDK",
        (
            "export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:{grpc} OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
            "export OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental",
            "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY",
        ),
    ),
)
"""Who, and the lines to set; {grpc} and {http} stand for the ports. Content is needed to see arguments and results."""


def hints(grpc: int, http: int) -> list[tuple[str, list[str]]]:
    """Return the hints with the ports of a running service."""
    return [(who, [line.format(grpc=grpc, http=http) for line in lines]) for who, lines in HINTS]
