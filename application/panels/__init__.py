"""Panels: samples of version after version that keep a share of their rows."""
