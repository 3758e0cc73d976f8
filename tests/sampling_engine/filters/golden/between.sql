(((s."price" > CAST(? AS DECIMAL(10,2))) AND (s."price" IS NOT NULL OR CAST(NULL AS BOOLEAN))) AND (NOT ((s."born" >= CAST(? AS DATE)) AND (CAST(s."born" AS TIMESTAMP) <= CAST(s."seen" AS TIMESTAMP)))))
-- [Decimal('0.12'), '2025-01-01']
