SELECT count(v), NULL, NULL
FROM (SELECT f."bytes" AS v
FROM read_parquet(?) AS f)
-- bound: [['file 0', 'file 1']]
