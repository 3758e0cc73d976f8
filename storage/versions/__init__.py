"""Versions of the data: commits, manifests, refs and data files."""
