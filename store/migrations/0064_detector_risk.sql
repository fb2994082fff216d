-- How much an alert weighs, 0 to 100: its rule's own risk score, else its level's.
ALTER TABLE alert ADD COLUMN risk_score BIGINT NOT NULL DEFAULT 0;

UPDATE alert SET risk_score = CASE level
    WHEN 'critical' THEN 99 WHEN 'high' THEN 73 WHEN 'medium' THEN 47 WHEN 'low' THEN 21 ELSE 1 END;
