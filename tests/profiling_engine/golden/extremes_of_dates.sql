SELECT count(v), CASE WHEN isfinite(min(v)) THEN CAST(min(v) - DATE '1970-01-01' AS BIGINT) END, CASE WHEN isfinite(max(v)) THEN CAST(max(v) - DATE '1970-01-01' AS BIGINT) END
FROM (SELECT f."day" AS v
FROM read_parquet(?) AS f)
-- bound: [['file 0', 'file 1']]
