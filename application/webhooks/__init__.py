"""Webhooks: who listens to which events, and the delivery of signed messages."""
