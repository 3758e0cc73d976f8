SELECT t.position, s.stratum
FROM (SELECT f."a b" AS k0, p.position
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM picked
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
WHERE (f."a b" = ? OR f."x""y" > ?)
UNION ALL SELECT f."a b" AS k0, p.position
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM picked
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
WHERE (f."a b" = ? OR f."x""y" > ?)) AS t
JOIN strata_2 AS s ON s.k0 IS NOT DISTINCT FROM t.k0
-- bound: ['file 0', 0, 0, 4, 'a', 0.5, 'file 1', 4, 4, 6, 'a', 0.5]
