-- An archived channel is read and searched, and nothing in it changes.
ALTER TABLE channels ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
