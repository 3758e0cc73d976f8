CREATE OR REPLACE TEMP TABLE frequencies AS SELECT v, count(*) AS n
FROM (SELECT f."a ""word""" AS v
FROM read_parquet(?) AS f)
GROUP BY v
-- bound: [['file 0', 'file 1']]
