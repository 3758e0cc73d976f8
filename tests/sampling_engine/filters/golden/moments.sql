((s."born" > CAST(? AS DATE)) AND (s."sent" < CAST(? AS TIMESTAMP WITH TIME ZONE)) AND (s."exact" = make_timestamp_ns(CAST(? AS BIGINT))))
-- ['2025-07-31', '2025-07-31 00:00:00+00:00', 1753920000000000000]
