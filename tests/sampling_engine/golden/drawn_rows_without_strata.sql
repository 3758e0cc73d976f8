SELECT t.c0 AS "a b", t.c1 AS "x""y", t.c2 AS "_stratum_source", t.c3 AS "price", CAST(? AS VARCHAR) || ':' || CAST(t.ordinal AS VARCHAR) AS "_logical_row_id", t.round_number AS "_sampling_round", ? AS "_sampling_method", t.selection_order AS "_selection_order", CAST(NULL AS VARCHAR) AS "_stratum", t.probability AS "_inclusion_probability", t.weight AS "_design_weight"
FROM (SELECT f."a b" AS c0, f."x""y" AS c1, f."_stratum" AS c2, f."price" AS c3, p.ordinal, p.round_number, p.selection_order, p.stratum, p.probability, p.weight
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM drawn
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
UNION ALL SELECT f."a b" AS c0, f."x""y" AS c1, f."_stratum" AS c2, f."price" AS c3, p.ordinal, p.round_number, p.selection_order, p.stratum, p.probability, p.weight
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM drawn
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number) AS t
ORDER BY t.round_number, t.selection_order
-- bound: ['primary', 'random', 'file 0', 0, 0, 4, 'file 1', 4, 4, 6]
