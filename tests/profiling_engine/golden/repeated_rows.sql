SELECT coalesce(sum(n - 1), 0),
    coalesce(sum((n - 1) * (n - 1)), 0)
FROM (SELECT count(*) AS n
FROM (SELECT hash(f."a ""word""", f."price", f."wide", f."ratio", f."day", f."moment", f."id", f."bytes") AS h
FROM read_parquet(?) AS f)
GROUP BY h HAVING count(*) > 1)
-- bound: [['file 0', 'file 1']]
