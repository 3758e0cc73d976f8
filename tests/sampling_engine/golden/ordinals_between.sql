SELECT f.file_row_number + ? AS ordinal
FROM read_parquet(?, file_row_number = true) AS f
WHERE f.file_row_number >= ? AND f.file_row_number < ? AND (f."a b" = ? OR f."x""y" > ?)
-- bound: [4, 'file 1', 0, 2, 'a', 0.5]
