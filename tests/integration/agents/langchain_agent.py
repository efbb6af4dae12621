"""A LangChain agent under the official instrumentation, exporting over gRPC.

usage: python langchain_agent.py MODEL_URL PAGE_URL COPY_URL

Telemetry goes where OTEL_EXPORTER_OTLP_ENDPOINT says, and a copy to COPY_URL, so that a test knows what was sent.
"""

import subprocess
import sys
import urllib.request

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


@tool
def web_fetch(url: str) -> str:
    """Fetch a page from the web."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


@tool
def run_shell(command: str) -> str:
    """Run a shell command and return what it prints."""
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=10, check=False)
    return done.stdout + done.stderr


def main() -> None:
    model_url, page_url, copy_url = sys.argv[1:]
    provider = TracerProvider(resource=Resource.create({"service.name": "research-desk"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(insecure=True)))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(copy_url, insecure=True)))
    LangChainInstrumentor().instrument(tracer_provider=provider)
    model = ChatOpenAI(model="gpt-scripted", base_url=model_url, api_key="none", max_retries=0)
    agent = create_agent(model, [web_fetch, run_shell], name="researcher")
    answer = agent.invoke({"messages": [{"role": "user", "content": f"Summarise {page_url}"}]})
    print(answer["messages"][-1].content)
    provider.shutdown()


if __name__ == "__main__":
    main()
