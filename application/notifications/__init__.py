"""Notifications: who hears of which events, and the delivery of messages by HTTP and e-mail."""
