SELECT CASE WHEN CAST(s.k0 AS VARCHAR) IS NULL THEN 'NULL' WHEN CAST(s.k0 AS VARCHAR) IN ('', 'NULL') OR regexp_matches(CAST(s.k0 AS VARCHAR), '["|]|^\s|\s$') THEN '"' || replace(CAST(s.k0 AS VARCHAR), '"', '""') || '"' ELSE CAST(s.k0 AS VARCHAR) END || ' | ' || CASE WHEN CAST(s.k1 AS VARCHAR) IS NULL THEN 'NULL' WHEN CAST(s.k1 AS VARCHAR) IN ('', 'NULL') OR regexp_matches(CAST(s.k1 AS VARCHAR), '["|]|^\s|\s$') THEN '"' || replace(CAST(s.k1 AS VARCHAR), '"', '""') || '"' ELSE CAST(s.k1 AS VARCHAR) END
FROM strata_0 AS s
WHERE stratum IN (SELECT unnest(?::BIGINT[]))
ORDER BY stratum
-- bound: [[0, 2]]
