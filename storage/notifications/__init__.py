"""Receivers of messages, and the outbox."""
