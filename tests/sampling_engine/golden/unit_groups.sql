SELECT CAST(floor(log2(v) * 128) AS INTEGER) AS size_group, count(*), sum(v)
FROM (SELECT CAST(f."price" * 100 AS BIGINT) AS v
FROM read_parquet(?) AS f
WHERE (f."a b" = ? OR f."x""y" > ?))
WHERE v > 0 AND v < CAST(? AS HUGEINT)
GROUP BY size_group
-- bound: [['file 0', 'file 1'], 'a', 0.5, 250]
