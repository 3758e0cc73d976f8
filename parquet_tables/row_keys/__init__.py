"""Row keys: columns that identify a row, their canonical texts, digests, checks and look-ups."""
