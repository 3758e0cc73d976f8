"""The profile of a table: columns, relations, example rows."""
