"""Sampling with probability proportional to size, and what monetary units share with it."""
