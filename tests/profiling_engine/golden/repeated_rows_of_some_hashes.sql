SELECT coalesce(sum(n - 1), 0),
    coalesce(sum((n - 1) * (n - 1)), 0)
FROM (SELECT count(*) AS n
FROM (SELECT hash(f."a ""word""", f."price", f."wide", f."ratio", f."day", f."moment", f."id", f."pair") AS h
FROM (SELECT "a ""word""", "price", "wide", "ratio", "day", "moment", "id", "pair"
FROM read_parquet(?)
WHERE get_bit(?::BLOB::BIT, CAST(file_row_number - ? AS INTEGER)) = 0
UNION ALL
SELECT "a ""word""", "price", "wide", "ratio", "day", "moment", "id", "pair"
FROM read_parquet(?)
WHERE file_row_number >= ? AND file_row_number < ?) AS f)
WHERE h % 32 = 0
GROUP BY h HAVING count(*) > 1)
-- bound: ['file 0', b'@', 0, 'file 1', 0, 1]
