SELECT coalesce(sum(n - 1), 0),
    coalesce(sum((n - 1) * (n - 1)), 0)
FROM (SELECT count(*) AS n
FROM (SELECT hash(f."a ""word""", f."price", f."wide", f."ratio", f."day", f."moment", f."id", f."bytes") AS h
FROM (SELECT f."a ""word""", f."price", f."wide", f."ratio", f."day", f."moment", f."id", f."bytes"
FROM read_parquet(?) AS f
WHERE get_bit(?::BLOB::BIT, CAST(f.file_row_number - ? AS INTEGER)) = 0
UNION ALL
SELECT f."a ""word""", f."price", f."wide", f."ratio", f."day", f."moment", f."id", f."bytes"
FROM read_parquet(?) AS f
WHERE f.file_row_number >= ? AND f.file_row_number < ?) AS f)
WHERE h % 32 = 0
GROUP BY h HAVING count(*) > 1)
-- bound: ['file 0', b'@', 0, 'file 1', 0, 1]
