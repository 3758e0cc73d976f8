"""Profiles of whole tables: columns, relations, example rows."""
