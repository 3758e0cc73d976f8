SELECT count(v), NULL, NULL
FROM (SELECT f."pair" AS v
FROM read_parquet(?) AS f)
-- bound: [['file 0', 'file 1']]
