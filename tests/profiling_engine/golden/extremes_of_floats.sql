SELECT count(v),
    min(x),
    max(x)
FROM (SELECT v, CASE WHEN isfinite(v) THEN CAST(v AS DOUBLE) END AS x
FROM (SELECT f."ratio" + CAST(0 AS DOUBLE) AS v
FROM read_parquet(?) AS f))
-- bound: [['file 0', 'file 1']]
