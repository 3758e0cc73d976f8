"""Audit programmes: rules, sentences and worked examples of a guidance, as data files."""
