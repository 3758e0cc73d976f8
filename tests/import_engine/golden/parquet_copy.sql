SELECT c0 AS "ID", CAST(c1 AS VARCHAR) AS "id_1" FROM read_parquet(?, hive_partitioning = false) AS source(c0, c1)
