SELECT count(*),
    coalesce(count_if(v IS NOT NULL), 0),
    min(length(v)),
    max(length(v)),
    coalesce(sum(length(v)), 0),
    coalesce(count_if(v = ''), 0),
    coalesce(count_if((v = '' OR CASE WHEN (head BETWEEN 1 AND 32 OR head >= 133 AND head IN (133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) AND (tail BETWEEN 1 AND 32 OR tail >= 133 AND tail IN (133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) THEN trim(v, ?) = '' END)), 0),
    coalesce(count_if((v = '' OR (head BETWEEN 1 AND 32 OR head >= 133 AND head IN (133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)) OR (tail BETWEEN 1 AND 32 OR tail >= 133 AND tail IN (133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288)))), 0)
FROM (SELECT *, unicode(v) AS head, unicode(v[-1]) AS tail
FROM (SELECT f."a ""word""" AS v
FROM read_parquet(?) AS f))
-- bound: ['\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000', ['file 0', 'file 1']]
