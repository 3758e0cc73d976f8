"""The HTTP server around the app: limits, headers, errors, log, metrics."""
