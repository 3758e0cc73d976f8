"""Commands for what the server does without a request: webhooks and schedules."""
