CREATE OR REPLACE TEMP TABLE frequencies AS SELECT v, count(*) AS n
FROM (SELECT f."day" AS v
FROM (SELECT CAST(NULL AS DATE) AS "day" LIMIT 0) AS f)
GROUP BY v
-- bound: []
