-- A leaf of the index fits into a page whose last 80 bytes are SQLCipher's: FTS5's own 4050 are meant for whole pages, and here
-- each leaf would begin another page.
INSERT INTO search (search, rank) VALUES ('pgsz', 3970);
