SELECT CAST(k0 AS VARCHAR), CAST(k1 AS VARCHAR)
FROM strata_0
WHERE stratum IN (SELECT unnest(?::BIGINT[]))
ORDER BY stratum
-- bound: [[0, 2]]
