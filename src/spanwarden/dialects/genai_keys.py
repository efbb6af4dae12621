"""The names of the GenAI conventions, current and past, as data. First present wins."""

from __future__ import annotations

OPERATIONS: dict[str, str] = {
    "chat": "llm_call",
    "generate_content": "llm_call",
    "text_completion": "llm_call",
    "completion": "llm_call",
    "generate": "llm_call",
    "llm_call": "llm_call",
    "llm_request": "llm_call",
    "model_request": "llm_call",
    "embeddings": "embedding",
    "embedding": "embedding",
    "retrieval": "retrieval",
    "vector_db_retrieve": "retrieval",
    "vectordb": "retrieval",
    "rerank": "retrieval",
    "execute_tool": "tool_call",
    "tool_call": "tool_call",
    "invoke_agent": "agent",
    "agent_call": "agent",
    "invoke_workflow": "workflow",
    "search_memory": "memory",
    "create_memory": "memory",
    "update_memory": "memory",
    "upsert_memory": "memory",
    "delete_memory": "memory",
    "create_memory_store": "memory",
    "delete_memory_store": "memory",
    "apply_guardrail": "decision",
    "fetch_response": "structure",
    "create_agent": "definition",
    "plan": "structure",
    "agent_step": "structure",
}
"""`gen_ai.operation.name` to what it is. A name that is not here is structure: custom values are allowed."""

OPERATION = "gen_ai.operation.name"
ENTITY_KIND = "traceloop.span.kind"
ENTITY_KINDS: dict[str, str] = {
    "workflow": "workflow",
    "task": "structure",
    "agent": "agent",
    "tool": "tool_call",
    "server": "structure",
    "session": "structure",
}
"""OpenLLMetry's word for what a span is; it goes before the operation, which calls workflows and tasks agents too."""
SPAN_KIND, REQUEST_TYPE = "gen_ai.span.kind", "llm.request.type"
SPAN_KINDS: dict[str, str] = {
    "llm": "llm_call",
    "chat": "llm_call",
    "completion": "llm_call",
    "embedding": "embedding",
    "retriever": "retrieval",
    "reranker": "retrieval",
    "rerank": "retrieval",
    "tool": "tool_call",
    "agent": "agent",
    "entry": "workflow",
    "chain": "structure",
    "step": "structure",
    "task": "structure",
}
"""Words of LoongSuite and of older OpenLLMetry for spans without an operation."""
RUN_ID = ("gcp.vertex.agent.invocation_id", "gen_ai.agent.call.id")
"""Ids of one run; a trace may lack them."""
CONVERSATION = (
    "gen_ai.conversation.id",
    "session.id",
    "gcp.vertex.agent.session_id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.thread_id",
    "traceloop.association.properties.chat_id",
)
NO_CONVERSATION = ("resp_", "response_")
"""Beginnings of values that are no conversation: some senders put the previous response's id there."""
AGENT = ("gen_ai.agent.name", "agent.name")
AGENT_ID = ("gen_ai.agent.id",)
WORKFLOW = ("gen_ai.workflow.name", "traceloop.workflow.name")
MODEL = ("gen_ai.response.model", "gen_ai.request.model")
PROVIDER = ("gen_ai.provider.name", "gen_ai.system")
RESPONSE_ID = ("gen_ai.response.id",)
FINISH = ("gen_ai.response.finish_reasons", "gen_ai.response.finish_reason", "anthropic.message.stop_reason")
TOOL = ("gen_ai.tool.name",)
TOOL_NAME = (*TOOL, "traceloop.entity.name", "tool.name")
TOOL_STATUS = ("gen_ai.tool.status", "gen_ai.task.status")
FAILED = frozenset({"error", "failure", "failed"})
"""Values of `TOOL_STATUS`."""
NO_TOOLS = frozenset({"mcp_list_tools"})
"""Steps of frameworks that are told of as tools: asking a server what it offers."""
TOOL_TYPE = ("gen_ai.tool.type",)
CALL_ID = ("gen_ai.tool.call.id", "gen_ai.tool.call_id")
ARGUMENTS = (
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.arguments",
    "gen_ai.tool.args",
    "gen_ai.tool.input",
    "gcp.vertex.agent.tool_call_args",
    "traceloop.entity.input",
    "input.value",
)
RESULT = (
    "gen_ai.tool.call.result",
    "gen_ai.tool.result",
    "gen_ai.tool.output",
    "anthropic.tool_result.content",
    "gcp.vertex.agent.tool_response",
    "traceloop.entity.output",
    "output.value",
)
EMPTY_IS_WITHHELD = frozenset({"gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.tool_response"})
"""Content keys that hold an empty object where content is not captured."""
MCP_METHOD = "mcp.method.name"
MCP_SERVER = ("mcp.server.name", "mcp_server.name", "mcp_server_name", "gen_ai.mcp.server")
ERROR = ("error.type",)
DENIED = frozenset({"denied", "rejected", "declined", "user_denied", "user_rejected", "user_declined"})
"""Values of `error.type` on a tool span that say the call was refused, so never executed."""

SYSTEM = ("gen_ai.system_instructions",)
INPUT = ("gen_ai.input.messages", "gen_ai.prompt", "gcp.vertex.agent.llm_request")
OUTPUT = ("gen_ai.output.messages", "gen_ai.completion", "gcp.vertex.agent.llm_response")
AGENT_KNOWN = (*AGENT, *AGENT_ID, "gen_ai.agent.description", *INPUT, *OUTPUT)
"""What tells one agent from a nameless span around it."""
GRAPHS = frozenset({"langgraph"})
"""Providers whose nodes some senders call agents; those that LangChain itself puts into every agent are no agents."""
NODES = frozenset({"model", "tools", "agent", "model_request", "call_model", "call_tools", "tool_node"})
NODE_ENDS = (".before_model", ".after_model", ".before_agent", ".after_agent")
FLATTENED = ("gen_ai.prompt", "gen_ai.completion")
"""Beginnings of indexed keys (`gen_ai.prompt.0.role`), as OpenLLMetry wrote messages until 2026."""
QUERY = ("gen_ai.retrieval.query.text", "gen_ai.memory.query.text")
DOCUMENTS = ("gen_ai.retrieval.documents", "gen_ai.memory.records")
MEMORY = ("gen_ai.memory.record.id", "gen_ai.memory.store.id")
COST = ("gen_ai.usage.cost", "operation.cost")

USAGE: dict[str, tuple[str, ...]] = {
    "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "cache_read": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_read_tokens",
        "gen_ai.usage.details.cache_read_tokens",
    ),
    "cache_write": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.cache_write_tokens",
        "gen_ai.usage.details.cache_write_tokens",
    ),
    "reasoning": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
    ),
}

DETAILS = "gen_ai.client.inference.operation.details"
MESSAGE_EVENTS: dict[str, str] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}
"""One event a message, up to version 1.36; the role where the message does not name one."""
CHOICE = "gen_ai.choice"
CONTENT_EVENTS = frozenset({"gen_ai.content.prompt", "gen_ai.content.completion"})
EXCEPTION_EVENTS = frozenset({"exception", "gen_ai.client.operation.exception"})
