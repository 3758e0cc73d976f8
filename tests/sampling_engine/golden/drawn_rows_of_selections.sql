SELECT t.c0 AS "x""y", CASE WHEN t.round_number IN (2) THEN t.c1 END AS "_stratum_source", t.c2 AS "price", CAST(? AS VARCHAR) || ':' || CAST(t.ordinal AS VARCHAR) AS "_logical_row_id", t.round_number AS "_sampling_round", s.method AS "_sampling_method", t.selection_order AS "_selection_order", s.label AS "_stratum", coalesce(t.probability, s.probability) AS "_inclusion_probability", coalesce(1.0 / t.probability, s.weight) AS "_design_weight"
FROM (SELECT f."x""y" AS c0, f."_stratum" AS c1, f."price" AS c2, f."a b" AS c3, p.ordinal, p.round_number, p.selection_order, p.stratum, p.probability
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM drawn
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number
UNION ALL SELECT f."x""y" AS c0, f."_stratum" AS c1, f."price" AS c2, f."a b" AS c3, p.ordinal, p.round_number, p.selection_order, p.stratum, p.probability
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM drawn
WHERE ordinal >= ? AND ordinal < ?) AS p ON p.file_ordinal = f.file_row_number) AS t
JOIN cells AS s ON s.round_number = t.round_number AND s.stratum = t.stratum
ORDER BY t.round_number, CASE WHEN t.round_number = 1 THEN t.c3 END DESC NULLS LAST, CASE WHEN t.round_number = 2 THEN t.c0 END ASC NULLS LAST, t.selection_order
-- bound: ['primary', 'file 0', 0, 0, 4, 'file 1', 4, 4, 6]
