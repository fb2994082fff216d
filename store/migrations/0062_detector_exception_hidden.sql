-- How many findings an exception has hidden; counted in the transaction that moves the detector's position.
ALTER TABLE detector_exception ADD COLUMN hidden BIGINT NOT NULL DEFAULT 0;
