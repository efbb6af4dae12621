"""The process: settings, assembly of the corridor, life cycle, health, self-telemetry."""
