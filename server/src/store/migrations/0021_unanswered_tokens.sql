-- The token that a browser's one in force replaced, until that is shown for the first time: so long nobody knows whether it
-- reached the browser.
ALTER TABLE browsers ADD COLUMN previous BLOB;
