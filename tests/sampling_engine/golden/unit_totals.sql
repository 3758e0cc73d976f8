SELECT count(*), coalesce(count_if(v > 0), 0), min(v), coalesce(sum(v), 0), coalesce(max(v), 0)
FROM (SELECT CASE WHEN isfinite(CAST(f."x""y" AS DOUBLE)) THEN CAST((CAST(f."x""y" AS DOUBLE) - CAST(0.5 AS DOUBLE)) * CAST(4.0 AS DOUBLE) AS BIGINT) END AS v
FROM read_parquet(?) AS f)
-- bound: [['file 0', 'file 1']]
