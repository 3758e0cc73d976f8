"""A split: every row into one of several parts, which follow from the keys of rows or groups."""
