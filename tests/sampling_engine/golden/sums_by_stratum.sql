SELECT s.stratum, t.n, t.s, t.q
FROM (SELECT k0, k1, count(v) AS n, coalesce(sum(v), 0) AS s, coalesce(sum(CAST(v AS HUGEINT) * v), 0) AS q
FROM (SELECT f."a b" AS k0, f."x""y" + CAST(0 AS DOUBLE) AS k1, CASE WHEN isfinite(CAST(f."x""y" AS DOUBLE)) THEN CAST((CAST(f."x""y" AS DOUBLE) - CAST(0.5 AS DOUBLE)) * CAST(4.0 AS DOUBLE) AS BIGINT) END AS v
FROM read_parquet(?) AS f
WHERE (f."a b" = ? OR f."x""y" > ?))
GROUP BY ALL) AS t
JOIN strata_0 AS s ON s.k0 IS NOT DISTINCT FROM t.k0 AND s.k1 IS NOT DISTINCT FROM t.k1
ORDER BY s.stratum
-- bound: [['file 0', 'file 1'], 'a', 0.5]
