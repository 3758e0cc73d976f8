WITH alike AS (SELECT list(v
ORDER BY n DESC, v) AS values,
    sum(n) AS n
FROM frequencies
WHERE v IS NOT NULL
GROUP BY lower(trim(v, ?)) HAVING count(*) > 1) SELECT (SELECT coalesce(sum(len(values)), 0)
FROM alike), (SELECT list(values[:4]
ORDER BY n DESC, values)
FROM (SELECT *
FROM alike
ORDER BY n DESC, values LIMIT 3))
-- bound: ['\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000']
