"""Schedules: requests that the server submits at times of a cron expression."""
