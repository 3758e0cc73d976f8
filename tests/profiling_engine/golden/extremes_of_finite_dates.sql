SELECT count(v),
    min(x),
    max(x)
FROM (SELECT v, CASE WHEN isfinite(v) THEN CAST(v - DATE '1970-01-01' AS BIGINT) END AS x
FROM (SELECT f."day" AS v
FROM read_parquet(?) AS f))
-- bound: [['file 0', 'file 1']]
