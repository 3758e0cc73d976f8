"""Alerts and design hints from a profile."""
