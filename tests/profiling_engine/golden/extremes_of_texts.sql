SELECT count(v),
    min(v),
    max(v)
FROM (SELECT f."a ""word""" AS v
FROM read_parquet(?) AS f)
-- bound: [['file 0', 'file 1']]
