CREATE TEMP TABLE strata_0 AS SELECT *
FROM read_parquet(?)
-- bound: ['kept.parquet']
