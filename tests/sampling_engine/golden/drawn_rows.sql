SELECT t.c0 AS "a b", t.c1 AS "x""y", t.c2 AS "_stratum_source", t.c3 AS "price", CAST(? AS VARCHAR) || ':' || CAST(t.ordinal AS VARCHAR) AS "_logical_row_id", t.round_number AS "_sampling_round", CASE t.round_number WHEN ? THEN ? ELSE ? END AS "_sampling_method", t.selection_order AS "_selection_order", s.label AS "_stratum", t.probability AS "_inclusion_probability", t.weight AS "_design_weight"
FROM (SELECT t.* EXCLUDE (ordinal), p.ordinal, p.round_number, p.selection_order, p.stratum, p.probability, p.weight
FROM (SELECT f.file_row_number + ? AS ordinal, f."a b" AS c0, f."x""y" AS c1, f."_stratum" AS c2, f."price" AS c3
FROM read_parquet(?, file_row_number = true) AS f
WHERE f.file_row_number IN (?, ?, ?, ?)
UNION ALL SELECT f.file_row_number + ? AS ordinal, f."a b" AS c0, f."x""y" AS c1, f."_stratum" AS c2, f."price" AS c3
FROM read_parquet(?, file_row_number = true) AS f
WHERE f.file_row_number IN (?, ?)) AS t
JOIN drawn AS p ON p.ordinal = t.ordinal) AS t LEFT
JOIN (SELECT 2 AS round_number, s.stratum, CASE WHEN CAST(s.k0 AS VARCHAR) IS NULL THEN 'NULL' WHEN CAST(s.k0 AS VARCHAR) IN ('', 'NULL') OR regexp_matches(CAST(s.k0 AS VARCHAR), '["|]|^\s|\s$') THEN '"' || replace(CAST(s.k0 AS VARCHAR), '"', '""') || '"' ELSE CAST(s.k0 AS VARCHAR) END || ' | ' || CASE WHEN CAST(s.k1 AS VARCHAR) IS NULL THEN 'NULL' WHEN CAST(s.k1 AS VARCHAR) IN ('', 'NULL') OR regexp_matches(CAST(s.k1 AS VARCHAR), '["|]|^\s|\s$') THEN '"' || replace(CAST(s.k1 AS VARCHAR), '"', '""') || '"' ELSE CAST(s.k1 AS VARCHAR) END AS label
FROM strata_0 AS s SEMI
JOIN drawn AS d ON d.round_number = 2 AND d.stratum = s.stratum) AS s USING (round_number, stratum)
ORDER BY t.round_number, t.selection_order
-- bound: ['primary', 1, 'random', 'stratified', 0, ['file 0'], 0, 1, 2, 3, 4, ['file 1'], 0, 1]
