SELECT s.stratum, t.n, t.s, t.q
FROM (SELECT k0, k1, count(v) AS n, coalesce(sum(v), 0) AS s, coalesce(sum(CAST(v AS HUGEINT) * v), 0) AS q
FROM (SELECT f."a b" AS k0, f."x""y" + CAST(0 AS DOUBLE) AS k1, CAST(f."price" * 100 AS BIGINT) AS v
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM taken
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
UNION ALL SELECT f."a b" AS k0, f."x""y" + CAST(0 AS DOUBLE) AS k1, CAST(f."price" * 100 AS BIGINT) AS v
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM taken
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number)
GROUP BY ALL) AS t
JOIN strata_0 AS s ON s.k0 IS NOT DISTINCT FROM t.k0 AND s.k1 IS NOT DISTINCT FROM t.k1
ORDER BY s.stratum
-- bound: ['file 0', 0, 0, 4, 'file 1', 4, 4, 6]
