-- The index begins anew: names of files are words too, and whether a message has files is asked of the index itself. It merges
-- less often, which costs a search a little and saves writing a lot.
INSERT INTO search (search) VALUES ('delete-all');
INSERT INTO search (search, rank) VALUES ('automerge', 8);
DELETE FROM found;
INSERT OR IGNORE INTO unindexed (place) SELECT place FROM messages WHERE deleted = 0;
