"""Routes of what the server does without a request: webhooks and schedules."""
