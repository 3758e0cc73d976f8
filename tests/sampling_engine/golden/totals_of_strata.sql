SELECT count(*), CAST(sum(rows) AS BIGINT)
FROM strata_0
-- bound: []
