"""Import engine: uploaded files become tables of Parquet.

It depends on ``parquet_tables`` alone and knows no dataset, no job and no HTTP.
"""
