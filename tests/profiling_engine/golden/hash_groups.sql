SELECT CAST(hash(v) >> 48 AS INTEGER) AS g, count(*) AS n
FROM (SELECT f."a ""word""" AS v
FROM read_parquet(?) AS f)
WHERE v IS NOT NULL
GROUP BY g
ORDER BY n DESC, g
-- bound: [['file 0', 'file 1']]
