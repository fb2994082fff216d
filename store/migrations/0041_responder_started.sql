-- How many blocks were started within the last hour is asked before each one; most plans never start one.
CREATE INDEX response_plan_started ON response_plan (started_ms) WHERE started_ms IS NOT NULL;
