"""Tables of Parquet files, read and written with DuckDB.

The lowest package: files, the process's DuckDB instance, quoting, pages and exports. It knows no
dataset, no job and no HTTP.
"""
