SELECT count(*), count(*) FILTER (WHERE isfinite(v)), min(v) FILTER (WHERE isfinite(v)), max(v) FILTER (WHERE isfinite(v))
FROM (SELECT CAST(f."x""y" AS DOUBLE) AS v
FROM read_parquet(?) AS f)
-- bound: [['file 0', 'file 1']]
