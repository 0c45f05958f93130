"""What people see of single requests: spans for OpenTelemetry, lines about slow ones."""
