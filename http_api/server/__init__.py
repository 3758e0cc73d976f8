"""The HTTP server around the app: limits, headers, errors, observation."""
