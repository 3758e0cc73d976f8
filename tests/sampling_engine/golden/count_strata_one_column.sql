CREATE TEMP TABLE strata_1 AS SELECT row_number() OVER (ORDER BY k0 NULLS LAST) - 1 AS stratum, k0, rows
FROM (SELECT f."a b" AS k0, count(*) AS rows
FROM read_parquet(?) AS f
GROUP BY ALL)
-- bound: [['file 0', 'file 1']]
