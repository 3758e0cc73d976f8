SELECT count(*), count(v), CAST(min(v) AS DOUBLE), CAST(max(v) AS DOUBLE)
FROM (SELECT f."price" AS v
FROM read_parquet(?) AS f
WHERE (f."a b" = ? OR f."x""y" > ?))
-- bound: [['file 0', 'file 1'], 'a', 0.5]
