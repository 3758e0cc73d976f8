((NOT ((s."age" = CAST(? AS INTEGER)) OR (s."age" = CAST(? AS INTEGER)))) AND ((s."city" IS NULL) OR (s."active" <> ?)))
-- [1, 2, True]
