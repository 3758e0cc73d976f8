SELECT count(*),
    sum(n),
    min(n),
    max(n),
    count_if(n = 1),
    count_if(n < 30),
    sum(CAST(n AS HUGEINT) * n)
FROM frequencies
WHERE v IS NOT NULL
-- bound: []
