CREATE OR REPLACE TEMP TABLE frequencies AS SELECT v, count(*) AS n
FROM (SELECT CAST(f."id" AS VARCHAR) AS v
FROM (SELECT "id"
FROM read_parquet(?)
WHERE get_bit(?::BLOB::BIT, CAST(file_row_number - ? AS INTEGER)) = 0
UNION ALL
SELECT "id"
FROM read_parquet(?)
WHERE file_row_number >= ? AND file_row_number < ?) AS f)
GROUP BY v
-- bound: ['file 0', b'@', 0, 'file 1', 0, 1]
