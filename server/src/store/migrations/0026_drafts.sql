-- One's own drafts, for all of one's devices. Of a conversation, or of a thread by the message it begins with; sixteen zeros for
-- none. No text: it was sent or deleted. tokens: four bytes each, of the newest texts that were accepted.
CREATE TABLE drafts (
    number INTEGER PRIMARY KEY,
    person BLOB NOT NULL,
    channel BLOB NOT NULL,
    thread BLOB NOT NULL,
    revision INTEGER NOT NULL,
    text BLOB,
    epoch INTEGER NOT NULL DEFAULT 0,
    tokens BLOB NOT NULL,
    change INTEGER NOT NULL,
    UNIQUE (person, channel, thread)
) STRICT;
CREATE INDEX drafts_person ON drafts (person, change);
CREATE INDEX drafts_change ON drafts (change);
CREATE INDEX drafts_channel ON drafts (channel);
