CREATE OR REPLACE TEMP TABLE sampled AS SELECT p.block, f."a ""word""" AS v
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM picked
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
UNION ALL SELECT p.block, f."a ""word""" AS v
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM picked
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
-- bound: ['file 0', 0, 0, 4, 'file 1', 4, 4, 6]
