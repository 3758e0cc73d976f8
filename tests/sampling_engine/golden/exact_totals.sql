SELECT count(*), coalesce(count_if(v > 0), 0), min(v), coalesce(sum(v), 0), max(v)
FROM (SELECT f."price" AS v
FROM read_parquet(?) AS f
WHERE (f."a b" = ? OR f."x""y" > ?))
-- bound: [['file 0', 'file 1'], 'a', 0.5]
