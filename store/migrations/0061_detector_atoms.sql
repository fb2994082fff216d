-- What was compared in the findings of an alert: JSON, a list of search identifier, field, operator, pattern and value.
ALTER TABLE alert ADD COLUMN atoms TEXT NOT NULL DEFAULT '[]';
