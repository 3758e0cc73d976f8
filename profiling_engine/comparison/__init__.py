"""Comparison of two tables: structure, distributions, representativeness."""
