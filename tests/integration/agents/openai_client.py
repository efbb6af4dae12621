"""A tool loop written by hand on the bare OpenAI client under the official instrumentation, exporting over gRPC.

The client tells of model calls only: what the tools did shows in the messages. The loop runs under one application
span, as a web handler or a job would have it.

usage: python openai_client.py MODEL_URL PAGE_URL COPY_URL

Telemetry goes where OTEL_EXPORTER_OTLP_ENDPOINT says, and a copy to COPY_URL, so that a test knows what was sent.
"""

import json
import subprocess
import sys
import urllib.request

from openai import OpenAI
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def web_fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def run_shell(command: str) -> str:
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=10, check=False)
    return done.stdout + done.stderr


TOOLS = {"web_fetch": (web_fetch, "url"), "run_shell": (run_shell, "command")}


def definition(name: str, argument: str) -> dict:
    parameters = {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}


def main() -> None:
    model_url, page_url, copy_url = sys.argv[1:]
    provider = TracerProvider(resource=Resource.create({"service.name": "bare-client"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(insecure=True)))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(copy_url, insecure=True)))
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    client = OpenAI(base_url=model_url, api_key="none", max_retries=0)
    messages = [{"role": "user", "content": f"Summarise {page_url}"}]
    tools = [definition(name, argument) for name, (_, argument) in TOOLS.items()]
    with provider.get_tracer("research").start_as_current_span("answer question"):
        while True:
            answer = client.chat.completions.create(model="gpt-scripted", messages=messages, tools=tools)
            message = answer.choices[0].message
            messages.append(message.model_dump(exclude_none=True))
            if not message.tool_calls:
                break
            for call in message.tool_calls:
                result = TOOLS[call.function.name][0](**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    print(message.content)
    provider.shutdown()


if __name__ == "__main__":
    main()
