"""Spans and log records from several threads through the Python SDK and its OTLP exporters.

usage: python python_sdk.py grpc|http/protobuf ENDPOINT COUNT

COUNT spans and COUNT log records go to ENDPOINT. Prints one JSON object with what was made: the ids of the `spans`, the
texts of the `logs`.
"""

import json
import sys
import threading

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

THREADS = 8


def exporters(protocol: str, endpoint: str) -> tuple:
    if protocol == "grpc":
        return GrpcSpanExporter(endpoint, insecure=True), GrpcLogExporter(endpoint, insecure=True)
    return HttpSpanExporter(f"{endpoint}/v1/traces"), HttpLogExporter(f"{endpoint}/v1/logs")


def main() -> None:
    protocol, endpoint, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    span_exporter, log_exporter = exporters(protocol, endpoint)
    resource = Resource.create({"service.name": "python-sdk"})
    # Batches of 256 out of a queue that takes everything: what is lost would be lost on the way.
    batches = {"max_queue_size": 2 * count, "max_export_batch_size": 256, "schedule_delay_millis": 100}
    traces, logs = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(span_exporter, **batches))
    logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter, **batches))
    tracer, logger = traces.get_tracer("sender"), logs.get_logger("sender")
    made: dict[str, list[str]] = {"spans": [], "logs": []}

    def work(thread: int) -> None:
        for number in range(thread, count, THREADS):
            with tracer.start_as_current_span(f"step {number}") as span:
                text = f"record {number}"
                logger.emit(LogRecord(severity_number=SeverityNumber.INFO, body=text))
            made["spans"].append(f"{span.get_span_context().span_id:016x}")
            made["logs"].append(text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    traces.shutdown()
    logs.shutdown()
    print(json.dumps(made))


if __name__ == "__main__":
    main()
