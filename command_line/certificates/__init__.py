"""Commands about certificates of samples: the signing key, the ledger, certificates."""
