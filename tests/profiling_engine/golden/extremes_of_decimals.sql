SELECT count(v), CAST(min(v) * 100 AS BIGINT), CAST(max(v) * 100 AS BIGINT)
FROM (SELECT f."price" AS v
FROM read_parquet(?) AS f)
-- bound: [['file 0', 'file 1']]
