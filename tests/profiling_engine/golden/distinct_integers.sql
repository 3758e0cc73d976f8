SELECT coalesce(bit_count(bitstring_agg(CAST(v - (-5) AS BIGINT), 0, 255)), 0)
FROM (SELECT f."price" AS v
FROM read_parquet(?) AS f)
WHERE v IS NOT NULL
-- bound: [['file 0', 'file 1']]
