SELECT t.position, s.stratum
FROM (SELECT f."a b" AS k0, f."x""y" + CAST(0 AS DOUBLE) AS k1, p.position
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM picked
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
UNION ALL SELECT f."a b" AS k0, f."x""y" + CAST(0 AS DOUBLE) AS k1, p.position
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM picked
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number) AS t
JOIN strata_0 AS s ON s.k0 IS NOT DISTINCT FROM t.k0 AND s.k1 IS NOT DISTINCT FROM t.k1
-- bound: ['file 0', 0, 0, 4, 'file 1', 4, 4, 6]
