SELECT t.ordinal, t.v
FROM (SELECT f.file_row_number + ? AS ordinal, CAST(f."price" * 100 AS BIGINT) AS v
FROM read_parquet(?, file_row_number = true) AS f
WHERE (f."a b" = ? OR f."x""y" > ?)
UNION ALL SELECT f.file_row_number + ? AS ordinal, CAST(f."price" * 100 AS BIGINT) AS v
FROM read_parquet(?, file_row_number = true) AS f
WHERE (f."a b" = ? OR f."x""y" > ?)) AS t
WHERE t.v >= CAST(? AS HUGEINT) AND NOT EXISTS (SELECT 1
FROM taken AS d
WHERE d.ordinal = t.ordinal)
-- bound: [0, 'file 0', 'a', 0.5, 4, 'file 1', 'a', 0.5, 250]
