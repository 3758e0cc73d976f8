SELECT k >> 12 AS p, count(*),
    coalesce(sum(x), 0)
FROM (SELECT *, x AS k
FROM (SELECT *, CAST(v * 100 AS BIGINT) AS x
FROM (SELECT f."price" AS v
FROM read_parquet(?) AS f)))
WHERE x IS NOT NULL
GROUP BY p
ORDER BY p DESC
-- bound: [['file 0', 'file 1']]
