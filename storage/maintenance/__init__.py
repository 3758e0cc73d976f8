"""The data directory and what keeps it healthy: backup, checks, pruning, disk use."""
