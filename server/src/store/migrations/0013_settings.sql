-- Every value a setting ever had; the highest version counts. What was never set has no row. Values are sealed.
CREATE TABLE settings (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    by BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
