"""One module per telemetry dialect: a span or log record becomes observations."""
