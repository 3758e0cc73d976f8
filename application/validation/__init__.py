"""Validation: published numbers, recomputed with the installed version."""
