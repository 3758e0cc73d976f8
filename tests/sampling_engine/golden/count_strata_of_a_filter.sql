CREATE TEMP TABLE strata_2 AS SELECT row_number() OVER (ORDER BY k0 NULLS LAST) - 1 AS stratum, k0, rows
FROM (SELECT f."a b" AS k0, count(*) AS rows
FROM read_parquet(?) AS f
WHERE (f."a b" = ? OR f."x""y" > ?)
GROUP BY ALL)
-- bound: [['file 0', 'file 1'], 'a', 0.5]
