SELECT coalesce(bit_count(bitstring_agg(CAST(hash(v) >> 44 AS BIGINT), 0, 1048575)), 0)
FROM (SELECT f."a ""word""" AS v
FROM read_parquet(?) AS f)
WHERE v IS NOT NULL
-- bound: [['file 0', 'file 1']]
