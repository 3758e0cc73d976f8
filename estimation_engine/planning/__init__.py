"""Sizes of samples for a precision, from the facts of the whole population."""
