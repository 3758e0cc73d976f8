SELECT *
FROM strata_0
ORDER BY stratum
-- bound: []
