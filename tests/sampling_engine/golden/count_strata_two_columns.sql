CREATE TEMP TABLE strata_0 AS SELECT row_number() OVER (ORDER BY k0 NULLS LAST, k1 NULLS LAST) - 1 AS stratum, k0, k1, rows
FROM (SELECT f."a b" AS k0, f."x""y" + CAST(0 AS DOUBLE) AS k1, count(*) AS rows
FROM read_parquet(?) AS f
GROUP BY ALL)
-- bound: [['file 0', 'file 1']]
