SELECT count(*),
    coalesce(count_if(x < ?), 0),
    coalesce(count_if(x > ?), 0)
FROM (SELECT *, CAST(v * 100 AS BIGINT) AS x
FROM (SELECT f."price" AS v
FROM read_parquet(?) AS f))
-- bound: [1000, 5000, ['file 0', 'file 1']]
