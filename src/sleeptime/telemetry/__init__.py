"""Spans and metrics of what is done, by OpenTelemetry's conventions. Knows nothing of sleep, wake and the store."""
