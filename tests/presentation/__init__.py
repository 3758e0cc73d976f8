"""Tests of facts, tables, notes and charts in each form."""
