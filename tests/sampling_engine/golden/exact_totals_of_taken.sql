SELECT count(*), coalesce(count_if(v > 0), 0), min(v), coalesce(sum(v), 0), max(v)
FROM (SELECT f."price" AS v
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM taken
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
WHERE (f."a b" = ? OR f."x""y" > ?)
UNION ALL SELECT f."price" AS v
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM taken
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
WHERE (f."a b" = ? OR f."x""y" > ?))
-- bound: ['file 0', 0, 0, 4, 'a', 0.5, 'file 1', 4, 4, 6, 'a', 0.5]
