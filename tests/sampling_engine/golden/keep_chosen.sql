INSERT INTO drawn SELECT ordinal, CAST(? AS INTEGER), selection_order, stratum
FROM chosen
-- bound: [2]
