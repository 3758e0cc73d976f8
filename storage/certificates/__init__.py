"""Certificates of samples: the signing key, and signed envelopes."""
