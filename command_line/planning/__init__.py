"""Commands that plan a sample: its size, and bands of a number."""
