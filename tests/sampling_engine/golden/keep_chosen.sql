INSERT INTO drawn SELECT ordinal, CAST(? AS INTEGER), selection_order, stratum, CASE WHEN isnan(probability) THEN NULL ELSE probability END
FROM chosen
-- bound: [2]
