SELECT count(*), count(*) FILTER (WHERE v > 0), count(*) FILTER (WHERE v < 0), coalesce(sum(v) FILTER (WHERE v > 0), 0), max(v)
FROM (SELECT f."price" AS v
FROM read_parquet(?) AS f
WHERE (f."a b" = ? OR f."x""y" > ?))
-- bound: [['file 0', 'file 1'], 'a', 0.5]
