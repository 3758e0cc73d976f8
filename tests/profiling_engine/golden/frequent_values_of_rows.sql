SELECT CAST(v AS VARCHAR), n
FROM (SELECT v, count(*) AS n
FROM (SELECT f."day" AS v
FROM read_parquet(?) AS f)
GROUP BY v)
WHERE v IS NOT NULL
ORDER BY n DESC, v LIMIT 11
-- bound: [['file 0', 'file 1']]
