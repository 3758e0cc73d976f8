SELECT count(*),
    count_if(n = 1)
FROM (SELECT count(*) AS n
FROM sampled
WHERE v IS NOT NULL
GROUP BY v)
-- bound: []
