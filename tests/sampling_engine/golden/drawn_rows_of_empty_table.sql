SELECT t.c0 AS "a b", t.c1 AS "x""y", t.c2 AS "_stratum_source", t.c3 AS "price", CAST(? AS VARCHAR) || ':' || CAST(t.ordinal AS VARCHAR) AS "_logical_row_id", t.round_number AS "_sampling_round", s.method AS "_sampling_method", t.selection_order AS "_selection_order", s.label AS "_stratum", coalesce(t.probability, s.probability) AS "_inclusion_probability", coalesce(1.0 / t.probability, s.weight) AS "_design_weight"
FROM (SELECT f."a b" AS c0, f."x""y" AS c1, f."_stratum" AS c2, f."price" AS c3, p.ordinal, p.round_number, p.selection_order, p.stratum, p.probability
FROM (SELECT CAST(NULL AS VARCHAR) AS "a b", CAST(NULL AS DOUBLE) AS "x""y", CAST(NULL AS INTEGER) AS "_stratum", CAST(NULL AS DECIMAL(9,2)) AS "price") AS f
JOIN drawn AS p ON false) AS t
JOIN cells AS s ON s.round_number = t.round_number AND s.stratum = t.stratum
ORDER BY t.round_number, t.selection_order
-- bound: ['primary']
