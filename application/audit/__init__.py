"""The audit of a sample: findings, replacements, review."""
