"""Frameworks that speak the GenAI conventions under scopes of their own: their peculiarities are data in `genai_keys`.

One table, so that events name the framework and not only the conventions.
"""

from __future__ import annotations

from spanwarden.dialects import genai
from spanwarden.dialects.base import Dialect, Origin, Sightings
from spanwarden.otlp.proto import trimmed_pb2

_OPENLLMETRY = (
    "alephalpha",
    "anthropic",
    "bedrock",
    "chromadb",
    "cohere",
    "google_generativeai",
    "groq",
    "haystack",
    "lancedb",
    "langchain",
    "llamaindex",
    "marqo",
    "mcp",
    "milvus",
    "mistralai",
    "ollama",
    "openai",
    "openai_agents",
    "pinecone",
    "qdrant",
    "replicate",
    "sagemaker",
    "together",
    "transformers",
    "voyageai",
    "watsonx",
    "weaviate",
    "writer",
)
_SPEAKERS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "openllmetry",
        (
            "traceloop.*",
            "@traceloop/*",
            *(f"opentelemetry.instrumentation.{name}" for name in _OPENLLMETRY),
            *(f"opentelemetry.instrumentation.{name}.*" for name in _OPENLLMETRY),
        ),
        "0.62; keys since 0.20 (`gen_ai.prompt.N`, `llm.request.type`)",
    ),
    ("openlit", ("openlit", "openlit.*"), "1.45"),
    ("anthropic-sdk", ("com.anthropic.sdk.*",), "anthropic 2.12"),
    ("google-adk", ("gcp.vertex.agent", "google_adk*", "google.adk*"), "google-adk 1 and 2.13"),
    ("strands", ("strands.telemetry.*", "strands.*", "strands-agents*"), "strands-agents 1.62"),
    ("ms-agent-framework", ("agent_framework", "agent_framework.*", "Microsoft.Agents.*"), "1.23"),
    ("semantic-kernel", ("semantic_kernel*", "Microsoft.SemanticKernel*"), "1.45"),
    ("agno", ("agno", "agno.*"), "by its conventions"),
    ("smolagents", ("smolagents", "smolagents.*"), "by its conventions"),
    ("llama-index", ("llama_index*", "llamaindex*"), "by its conventions"),
    ("loongsuite", ("loongsuite.*", "aliyun.*"), "by its conventions"),
)


def _dialect(name: str, scopes: tuple[str, ...], versions: str) -> Dialect:
    def span(record: trimmed_pb2.Span, origin: Origin, out: Sightings, /) -> bool:
        return genai.read_span(record, origin, out, name)

    def log(record: trimmed_pb2.LogRecord, origin: Origin, out: Sightings, /) -> bool:
        return genai.read_log(record, origin, out, name)

    return Dialect(name, scopes, span, log, versions)


DIALECTS: tuple[Dialect, ...] = tuple(_dialect(*speaker) for speaker in _SPEAKERS)
"""All of them; see each one's `scopes`."""
