-- Who made a channel or began a conversation, for how many of them one person may; none for those of the host, and of before.
ALTER TABLE channels ADD COLUMN maker BLOB;
CREATE INDEX channels_maker ON channels (maker, created) WHERE maker IS NOT NULL;
