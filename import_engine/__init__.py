"""Uploaded files become tables of Parquet.

Owns: what a CSV, TSV, JSON, Parquet or XLSX file means as a table. It stands on ``parquet_tables``
alone and knows no dataset, no job and no HTTP.
"""
