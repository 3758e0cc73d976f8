SELECT count(*),
    coalesce(count_if(x IS NOT NULL), 0),
    coalesce(count_if(v IS NOT NULL AND x IS NULL), 0),
    coalesce(count_if(x % 86400000000 = 0), 0)
FROM (SELECT *, epoch_us(v) AS x
FROM (SELECT f."moment" AS v
FROM read_parquet(?) AS f))
-- bound: [['file 0', 'file 1']]
