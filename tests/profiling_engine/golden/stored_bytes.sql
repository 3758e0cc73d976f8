SELECT path_in_schema, CAST(sum(total_uncompressed_size) AS BIGINT)
FROM parquet_metadata(?)
GROUP BY ALL
-- bound: [['file 0', 'file 1']]
