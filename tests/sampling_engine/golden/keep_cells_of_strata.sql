INSERT INTO cells SELECT CAST(? AS INTEGER), z.stratum, ?, CASE WHEN CAST(s.k0 AS VARCHAR) IS NULL THEN 'NULL' WHEN CAST(s.k0 AS VARCHAR) IN ('', 'NULL') OR regexp_matches(CAST(s.k0 AS VARCHAR), '["|]|^\s|\s$') THEN '"' || replace(CAST(s.k0 AS VARCHAR), '"', '""') || '"' ELSE CAST(s.k0 AS VARCHAR) END || ' | ' || CASE WHEN CAST(s.k1 AS VARCHAR) IS NULL THEN 'NULL' WHEN CAST(s.k1 AS VARCHAR) IN ('', 'NULL') OR regexp_matches(CAST(s.k1 AS VARCHAR), '["|]|^\s|\s$') THEN '"' || replace(CAST(s.k1 AS VARCHAR), '"', '""') || '"' ELSE CAST(s.k1 AS VARCHAR) END, z.probability, z.weight
FROM cell_sizes AS z
JOIN strata_0 AS s USING (stratum)
-- bound: [2, 'stratified']
