CREATE TEMP TABLE strata_3 AS SELECT CAST(0 AS BIGINT) AS stratum, rows
FROM (SELECT count(*) AS rows
FROM read_parquet(?) AS f
WHERE (f."a b" = ? OR f."x""y" > ?))
-- bound: [['file 0', 'file 1'], 'a', 0.5]
