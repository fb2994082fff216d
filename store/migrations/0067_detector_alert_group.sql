-- The alerts of a group by whether they are open. Every finding changes when an alert was last seen: that is not in it.
DROP INDEX alert_group;
CREATE INDEX alert_group ON alert (group_key, status);
