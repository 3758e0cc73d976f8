SELECT count(*),
    coalesce(count_if(x IS NOT NULL), 0),
    coalesce(count_if(x = 0), 0),
    coalesce(count_if(x < 0), 0),
    min(CASE WHEN x > 0 THEN x END),
    coalesce(count_if(isnan(v)), 0),
    coalesce(count_if(isinf(v) AND v > 0), 0),
    coalesce(count_if(isinf(v) AND v < 0), 0),
    coalesce(sum(plain), 0),
    coalesce(sum(squared), 0),
    coalesce(sum(CAST(squared AS HUGEINT) * squared), 0),
    coalesce(sum(cubed), 0),
    coalesce(sum(CAST(cubed AS HUGEINT) * cubed), 0),
    coalesce(sum(CAST(cubed AS HUGEINT) * cubed * cubed), 0),
    coalesce(count_if(CAST(plain AS DOUBLE) <> x * CAST(5.764607523034235e+17 AS DOUBLE)), 0)
FROM (SELECT *, CAST(x * CAST(5.764607523034235e+17 AS DOUBLE) AS BIGINT) AS plain, CAST((x - CAST(1.625 AS DOUBLE)) * CAST(4398046511104.0 AS DOUBLE) AS BIGINT) AS squared, CAST((x - CAST(1.625 AS DOUBLE)) * CAST(134217728.0 AS DOUBLE) AS BIGINT) AS cubed
FROM (SELECT *, CASE WHEN isfinite(v) THEN CAST(v AS DOUBLE) END AS x
FROM (SELECT f."ratio" + CAST(0 AS DOUBLE) AS v
FROM read_parquet(?) AS f)))
-- bound: [['file 0', 'file 1']]
