"""Estimates of a population from a sample, and code that declares its design."""
