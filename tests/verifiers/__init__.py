"""Tests of the verifiers: certificates of every method, and tamperings of them."""
