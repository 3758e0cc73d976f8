"""The comparison of two tables: structure, distributions, representativeness."""
