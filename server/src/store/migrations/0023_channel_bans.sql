-- Whom the moderators of a channel keep out of it, who said so and when.
CREATE TABLE channel_bans (
    channel BLOB NOT NULL REFERENCES channels (id),
    person BLOB NOT NULL REFERENCES people (id),
    by BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (channel, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_bans_person ON channel_bans (person);
