"""SQL sandbox: runs a user's SELECT in a process and a DuckDB instance of its own.

A query sees the tables of one commit and nothing else; a failure ends its process alone. The
package knows no dataset, no job and no HTTP.
"""
