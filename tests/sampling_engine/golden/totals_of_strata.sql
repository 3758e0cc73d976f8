SELECT count(*), CAST(coalesce(sum(rows), 0) AS BIGINT)
FROM strata_0
-- bound: []
