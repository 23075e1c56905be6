-- The change at which a channel left the sight of those who were not in it, because it was made private; 0 for one that never did.
ALTER TABLE channels ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;
CREATE INDEX channels_hidden ON channels (hidden) WHERE hidden > 0;
