SELECT count(*),
    coalesce(count_if(x = 0), 0),
    coalesce(sum(x), 0),
    max(x)
FROM (SELECT *, CAST(v * 100 AS BIGINT) AS x
FROM sampled)
GROUP BY block
ORDER BY block
-- bound: []
