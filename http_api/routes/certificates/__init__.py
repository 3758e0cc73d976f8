"""Routes of ledgers and certificates."""
