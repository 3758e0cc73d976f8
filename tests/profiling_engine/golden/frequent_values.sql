SELECT v, n
FROM frequencies
WHERE v IS NOT NULL
ORDER BY n DESC, v LIMIT 11
-- bound: []
