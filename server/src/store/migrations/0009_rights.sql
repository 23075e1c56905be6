-- rank: 0 owner, 1 manager, 2 member, 3 guest. powers stays what somebody may do in all.
ALTER TABLE people ADD COLUMN rank INTEGER NOT NULL DEFAULT 2;
UPDATE people SET rank = 0 WHERE powers = 8191;
ALTER TABLE invites ADD COLUMN rank INTEGER NOT NULL DEFAULT 2;
UPDATE invites SET rank = 0 WHERE powers = 8191;

-- When somebody last proved who they are on it.
ALTER TABLE devices ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;
ALTER TABLE browsers ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;

-- What was done, by whom, on what: each entry sealed whole. class, actor and target are there to be searched for; leaf is the
-- hash of the entry's encoding (RFC 6962).
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    class INTEGER NOT NULL,
    actor BLOB NOT NULL,
    target BLOB NOT NULL,
    leaf BLOB NOT NULL,
    entry BLOB NOT NULL
) STRICT;
CREATE INDEX audit_actor ON audit (actor, seq);
CREATE INDEX audit_target ON audit (target, seq);
CREATE INDEX audit_class ON audit (class, seq);
