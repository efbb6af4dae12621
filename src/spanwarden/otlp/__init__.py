"""The wire: OTLP requests in protobuf and JSON, decoded lazily and within limits."""
