SELECT count(*) FILTER (WHERE v < 0), count(*) FILTER (WHERE isinf(v))
FROM (SELECT CAST(f."x""y" AS DOUBLE) AS v
FROM read_parquet(?) AS f)
-- bound: [['file 0', 'file 1']]
