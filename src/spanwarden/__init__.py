"""spanwarden reads what AI agents did from their OpenTelemetry data and holds each run against policy."""
