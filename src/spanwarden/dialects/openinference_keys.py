"""The names of OpenInference (semantic conventions 0.1.42), as data. First present wins."""

from __future__ import annotations

KIND = "openinference.span.kind"
KINDS: dict[str, str] = {
    "LLM": "llm_call",
    "DECISION": "llm_call",
    "TOOL": "tool_call",
    "AGENT": "agent",
    "RETRIEVER": "retrieval",
    "RERANKER": "retrieval",
    "EMBEDDING": "embedding",
    "GUARDRAIL": "decision",
    "EVALUATOR": "decision",
    "CHAIN": "chain",
    "PROMPT": "chain",
}
"""What a span of each kind is. `DECISION` is a model that classifies, not a verdict. Any other kind is structure."""

INPUT = "input.value"
OUTPUT = "output.value"
INPUT_MESSAGES = "llm.input_messages"
OUTPUT_MESSAGES = "llm.output_messages"
PROMPTS = "llm.prompts"
CHOICES = "llm.choices"

CONVERSATION = ("session.id",)
AGENT = ("agent.name", "tool.agent_role")
NODE = ("graph.node.id", "graph.node.name")
"""The node of a graph is the agent where nothing else names one; some senders put a random id there."""
AGENT_ID = ("agno.agent.id", "agno.team.id")
METADATA = "metadata"
METADATA_AGENT = "lc_agent_name"

MODEL = (
    "llm.response.model_name",
    "llm.model_name",
    "llm.request.model_name",
    "embedding.model_name",
    "reranker.model_name",
    "decision.response.model_name",
    "decision.model_name",
    "decision.request.model_name",
)
PROVIDER = ("llm.provider", "llm.system", "decision.provider", "decision.system")
FINISH = "llm.finish_reason"
PROMPT_TEMPLATE = "llm.prompt_template.template"
COST = "llm.cost.total"
COST_PARTS = ("llm.cost.prompt", "llm.cost.completion")
USAGE: dict[str, tuple[str, ...]] = {
    "input": ("llm.token_count.prompt", "decision.token_count.input"),
    "output": ("llm.token_count.completion", "decision.token_count.output"),
    "cache_read": ("llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input"),
    "cache_write": ("llm.token_count.prompt_details.cache_write",),
    "reasoning": ("llm.token_count.completion_details.reasoning",),
}

TOOL = ("tool.name", "tool_call.function.name")
CALL_ID = ("tool.id", "tool_call.id")
TOOL_ARGUMENTS = "tool_call.function.arguments"
PARAMETERS = "tool.parameters"
"""The schema of the arguments with some senders, the arguments with others."""

QUERY = "reranker.query"
DOCUMENTS = ("retrieval.documents", "reranker.output_documents")
DOCUMENT = ("id", "score", "content", "metadata")

CALLED = (FINISH, "llm.token_count.completion", "llm.token_count.prompt", "llm.token_count.total", COST)
"""Keys that only a model that was really asked has."""

HANDOFF = "handoff to "
STEPS = ("instructor.",)
"""Beginnings of the names of spans of kind TOOL that wrap a request to a model; a real tool's span names its tool."""
AGENT_ENDINGS = ("._execute_core", ".run", ".arun", ".run_stream", ".initiate_chat", ".generate_reply")
AGENT_BEGINNINGS = ("invoke_agent ", "agent_run ")
