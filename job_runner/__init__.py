"""Runs jobs on threads, publishes their results, and recovers after a crash."""
