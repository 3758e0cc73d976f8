SELECT v, n
FROM (SELECT v, count(*) AS n
FROM (SELECT f."a ""word""" AS v
FROM read_parquet(?) AS f)
WHERE CAST(hash(v) >> 48 AS INTEGER) IN (3, 65535)
GROUP BY v)
ORDER BY n DESC, v LIMIT 11
-- bound: [['file 0', 'file 1']]
