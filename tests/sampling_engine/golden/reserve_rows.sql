SELECT t.c0 AS "a b", t.c1 AS "x""y", t.c2 AS "_stratum_source", t.c3 AS "price", CAST(? AS VARCHAR) || ':' || CAST(t.ordinal AS VARCHAR) AS "_logical_row_id", CASE WHEN CAST(s.k0 AS VARCHAR) IS NULL THEN 'NULL' WHEN CAST(s.k0 AS VARCHAR) IN ('', 'NULL') OR regexp_matches(CAST(s.k0 AS VARCHAR), '["|]|^\s|\s$') THEN '"' || replace(CAST(s.k0 AS VARCHAR), '"', '""') || '"' ELSE CAST(s.k0 AS VARCHAR) END || ' | ' || CASE WHEN CAST(s.k1 AS VARCHAR) IS NULL THEN 'NULL' WHEN CAST(s.k1 AS VARCHAR) IN ('', 'NULL') OR regexp_matches(CAST(s.k1 AS VARCHAR), '["|]|^\s|\s$') THEN '"' || replace(CAST(s.k1 AS VARCHAR), '"', '""') || '"' ELSE CAST(s.k1 AS VARCHAR) END AS "_stratum", t.selection_order AS "_reserve_order"
FROM (SELECT f."a b" AS c0, f."x""y" AS c1, f."_stratum" AS c2, f."price" AS c3, p.ordinal, p.selection_order, p.stratum
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM chosen
WHERE ordinal BETWEEN ? AND ?) AS p ON p.file_ordinal = f.file_row_number
UNION ALL SELECT f."a b" AS c0, f."x""y" AS c1, f."_stratum" AS c2, f."price" AS c3, p.ordinal, p.selection_order, p.stratum
FROM read_parquet(?, file_row_number = true) AS f
JOIN (SELECT *, ordinal - ? AS file_ordinal
FROM chosen
WHERE ordinal BETWEEN ? AND ?) AS p ON p.file_ordinal = f.file_row_number) AS t
JOIN strata_0 AS s ON s.stratum = t.stratum
ORDER BY t.stratum, t.selection_order
-- bound: ['primary', ['file 0'], 0, 0, 3, ['file 1'], 4, 4, 5]
