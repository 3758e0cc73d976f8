SELECT count(v), CAST(replace(CAST(min(v) AS VARCHAR), '.', '') AS HUGEINT), CAST(replace(CAST(max(v) AS VARCHAR), '.', '') AS HUGEINT)
FROM (SELECT f."wide" AS v
FROM read_parquet(?) AS f)
-- bound: [['file 0', 'file 1']]
