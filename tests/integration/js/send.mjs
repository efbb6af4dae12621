// Spans and log records through the JavaScript SDK and its OTLP/HTTP exporters.
//
// usage: node send.mjs http/json|http/protobuf ENDPOINT COUNT
//
// COUNT spans and COUNT log records go to ENDPOINT. Prints one JSON object with what was made: the ids of the `spans`,
// the texts of the `logs`.

import { setImmediate as turn } from "node:timers/promises";

import { OTLPLogExporter as JsonLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtobufLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [protocol, endpoint, words] = process.argv.slice(2);
const count = Number(words);
const [Traces, Logs] = protocol === "http/json" ? [JsonTraces, JsonLogs] : [ProtobufTraces, ProtobufLogs];

// Batches of 256 out of a queue that takes everything: what is lost would be lost on the way.
const batches = { maxQueueSize: 2 * count, maxExportBatchSize: 256, scheduledDelayMillis: 100 };
const traces = new BasicTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new Traces({ url: `${endpoint}/v1/traces` }), batches)],
});
const logs = new LoggerProvider({
  processors: [new BatchLogRecordProcessor({ exporter: new Logs({ url: `${endpoint}/v1/logs` }), ...batches })],
});
const tracer = traces.getTracer("sender");
const logger = logs.getLogger("sender");

const made = { spans: [], logs: [] };
for (let number = 0; number < count; number += 1) {
  const span = tracer.startSpan(`step ${number}`, { attributes: { number, text: "naïve ☃", share: number / 7 } });
  logger.emit({ body: `record ${number}` });
  span.end();
  made.spans.push(span.spanContext().spanId);
  made.logs.push(`record ${number}`);
  if (number % 100 === 0) await turn(); // let batches go meanwhile
}
await traces.shutdown();
await logs.shutdown();
console.log(JSON.stringify(made));
