SELECT CAST(floor(log2(v) * 128) AS INTEGER) AS size_group, count(*), sum(v)
FROM (SELECT CASE WHEN isfinite(CAST(f."x""y" AS DOUBLE)) THEN CAST((CAST(f."x""y" AS DOUBLE) - CAST(0.5 AS DOUBLE)) * CAST(4.0 AS DOUBLE) AS BIGINT) END AS v
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM taken
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
UNION ALL SELECT CASE WHEN isfinite(CAST(f."x""y" AS DOUBLE)) THEN CAST((CAST(f."x""y" AS DOUBLE) - CAST(0.5 AS DOUBLE)) * CAST(4.0 AS DOUBLE) AS BIGINT) END AS v
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM taken
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number)
WHERE v > 0 AND v < CAST(? AS HUGEINT)
GROUP BY size_group
-- bound: ['file 0', 0, 0, 4, 'file 1', 4, 4, 6, 250]
