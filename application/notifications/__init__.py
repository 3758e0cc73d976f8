"""Notifications: receivers and their events, and the delivery of messages by HTTP and e-mail."""
