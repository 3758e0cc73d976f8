WITH split AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, ordinal >> 8 AS l, ordinal & 255 AS r
FROM (SELECT t.ordinal, w.stratum, w.threshold
FROM (SELECT f.file_row_number + list_extract(?::BIGINT[], CAST(f.file_index AS BIGINT) + 1) AS ordinal
FROM read_parquet(?, file_row_number = true) AS f) AS t
CROSS
JOIN wanted AS w)),
once_0 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(r, 867473396) * 739982445) & 2147483647 AS x
FROM split),
twice_0 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(x, x >> 15) * 695872825) & 2147483647 AS x
FROM once_0),
round_0 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, r AS l, xor(l, xor(x, x >> 13) & 255) AS r
FROM twice_0),
once_1 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(r, 45678314) * 739982445) & 2147483647 AS x
FROM round_0),
twice_1 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(x, x >> 15) * 695872825) & 2147483647 AS x
FROM once_1),
round_1 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, r AS l, xor(l, xor(x, x >> 13) & 255) AS r
FROM twice_1),
once_2 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(r, 503898779) * 739982445) & 2147483647 AS x
FROM round_1),
twice_2 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(x, x >> 15) * 695872825) & 2147483647 AS x
FROM once_2),
round_2 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, r AS l, xor(l, xor(x, x >> 13) & 255) AS r
FROM twice_2),
once_3 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(r, 329394209) * 739982445) & 2147483647 AS x
FROM round_2),
twice_3 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(x, x >> 15) * 695872825) & 2147483647 AS x
FROM once_3),
round_3 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, r AS l, xor(l, xor(x, x >> 13) & 255) AS r
FROM twice_3),
once_4 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(r, 1746483363) * 739982445) & 2147483647 AS x
FROM round_3),
twice_4 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(x, x >> 15) * 695872825) & 2147483647 AS x
FROM once_4),
round_4 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, r AS l, xor(l, xor(x, x >> 13) & 255) AS r
FROM twice_4),
once_5 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(r, 822030584) * 739982445) & 2147483647 AS x
FROM round_4),
twice_5 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(x, x >> 15) * 695872825) & 2147483647 AS x
FROM once_5),
round_5 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, r AS l, xor(l, xor(x, x >> 13) & 255) AS r
FROM twice_5),
once_6 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(r, 703986722) * 739982445) & 2147483647 AS x
FROM round_5),
twice_6 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(x, x >> 15) * 695872825) & 2147483647 AS x
FROM once_6),
round_6 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, r AS l, xor(l, xor(x, x >> 13) & 255) AS r
FROM twice_6),
once_7 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(r, 738432710) * 739982445) & 2147483647 AS x
FROM round_6),
twice_7 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, l, r, (xor(x, x >> 15) * 695872825) & 2147483647 AS x
FROM once_7),
round_7 AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, r AS l, xor(l, xor(x, x >> 13) & 255) AS r
FROM twice_7),
ranked AS NOT MATERIALIZED (SELECT ordinal, stratum, threshold, (l << 8) | r AS rank
FROM round_7) SELECT ordinal, stratum, rank
FROM ranked
WHERE rank < threshold AND NOT EXISTS (SELECT 1
FROM taken AS d
WHERE d.ordinal = ranked.ordinal)
-- bound: [[0, 4], ['file 0', 'file 1']]
