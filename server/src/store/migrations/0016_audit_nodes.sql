-- The nodes of the audit log's tree that are complete with an entry stand in its row, from the lowest up, 32 bytes each: over it
-- and the one before, over those and the two before, and so on. Where there are none, they are made anew from what is below.
ALTER TABLE audit ADD COLUMN nodes BLOB NOT NULL DEFAULT x'';
DROP TABLE audit_nodes;

-- An act pays for its entry, a search is rare: three more pages in each act's commit cost more than looking through the log.
DROP INDEX audit_actor;
DROP INDEX audit_target;
DROP INDEX audit_class;
