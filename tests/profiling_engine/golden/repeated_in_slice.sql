SELECT count(*) > 0
FROM (SELECT 1
FROM (SELECT f."a ""word""" AS v
FROM read_parquet(?) AS f)
WHERE v IS NOT NULL AND hash(v) % 7 = 2
GROUP BY v HAVING count(*) > 1)
-- bound: [['file 0', 'file 1']]
