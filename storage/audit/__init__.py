"""What auditors enter about a sample: findings, replacements, reviews, conclusions, values."""
