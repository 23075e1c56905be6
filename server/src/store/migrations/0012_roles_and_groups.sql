-- Custom roles. name is sealed and unique by its keyed hash, as people's.
CREATE TABLE roles (
    id BLOB PRIMARY KEY,
    name BLOB NOT NULL,
    revision INTEGER NOT NULL,
    name_hash BLOB NOT NULL UNIQUE,
    powers INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who has a role: a person (kind 0) or a group (kind 1). within is a group, or empty for the whole workspace.
CREATE TABLE grants (
    role BLOB NOT NULL REFERENCES roles (id),
    kind INTEGER NOT NULL,
    holder BLOB NOT NULL,
    within BLOB NOT NULL,
    PRIMARY KEY (role, kind, holder, within)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_holder ON grants (holder, within);
CREATE INDEX grants_within ON grants (within);

-- Groups. slug and name are sealed. visibility: 0 public, 1 private, 2 hidden. was_open: somebody outside may know of it. A deleted
-- group keeps its row, without slug and name: by it devices that were away learn that it is gone.
CREATE TABLE groups (
    id BLOB PRIMARY KEY,
    slug BLOB NOT NULL,
    slug_hash BLOB NOT NULL UNIQUE,
    name BLOB NOT NULL,
    revision INTEGER NOT NULL,
    visibility INTEGER NOT NULL,
    was_open INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    change INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- Who is directly in a group, by each source: a person (kind 0) or a group (kind 1). source: 0 by hand.
CREATE TABLE group_members (
    grp BLOB NOT NULL REFERENCES groups (id),
    kind INTEGER NOT NULL,
    member BLOB NOT NULL,
    source INTEGER NOT NULL,
    PRIMARY KEY (grp, kind, member, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_member ON group_members (member, grp);

CREATE TABLE group_managers (
    grp BLOB NOT NULL REFERENCES groups (id),
    person BLOB NOT NULL REFERENCES people (id),
    PRIMARY KEY (grp, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_managers_person ON group_managers (person);

-- What follows from the above: everybody in a group or in a group in it. Whoever left keeps a row, marked.
CREATE TABLE group_people (
    grp BLOB NOT NULL REFERENCES groups (id),
    person BLOB NOT NULL REFERENCES people (id),
    inside INTEGER NOT NULL,
    change INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (grp, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_people_person ON group_people (person, inside, grp);

-- Channels that follow a group.
CREATE TABLE group_channels (
    channel BLOB NOT NULL REFERENCES channels (id),
    grp BLOB NOT NULL REFERENCES groups (id),
    PRIMARY KEY (channel, grp)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_channels_grp ON group_channels (grp);

-- What follows from roles within groups: which powers somebody has over a group's people and channels.
CREATE TABLE scoped_powers (
    person BLOB NOT NULL REFERENCES people (id),
    grp BLOB NOT NULL REFERENCES groups (id),
    powers INTEGER NOT NULL,
    PRIMARY KEY (person, grp)
) STRICT, WITHOUT ROWID;

-- standing is the change that last touched somebody's rank or powers; a device whose cursor is before narrowed holds what its person
-- may not see any longer.
ALTER TABLE people ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN narrowed INTEGER NOT NULL DEFAULT 0;

-- own: in the channel by themselves or by somebody who added them, not only through a group.
ALTER TABLE members ADD COLUMN own INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN moderator INTEGER NOT NULL DEFAULT 0;
UPDATE members SET own = joined;

-- A guest sees whoever is or was in a channel of theirs. Imported authors were in theirs; such a row never travels.
INSERT OR IGNORE INTO members (channel, person, joined, change)
SELECT channel, author, 0, -row_number() OVER () FROM (
    SELECT DISTINCT c.id AS channel, m.author AS author
    FROM messages m JOIN people p ON p.id = m.author AND p.imported_from IS NOT NULL JOIN channels c ON c.number = m.place >> 40
    WHERE EXISTS (SELECT 1 FROM people WHERE imported_from IS NOT NULL)
);
