CREATE OR REPLACE TEMP TABLE frequencies AS SELECT v, count(*) AS n
FROM (SELECT f."id" AS v
FROM (SELECT f."id"
FROM read_parquet(?) AS f
WHERE get_bit(?::BLOB::BIT, CAST(f.file_row_number - ? AS INTEGER)) = 0
UNION ALL
SELECT f."id"
FROM read_parquet(?) AS f
WHERE f.file_row_number >= ? AND f.file_row_number < ?) AS f)
GROUP BY v
-- bound: ['file 0', b'@', 0, 'file 1', 0, 1]
