-- S3: buckets, objects, multipart uploads. This index is the truth; bytes lie in files it names.
CREATE TABLE buckets (
    name TEXT PRIMARY KEY,
    region TEXT NOT NULL,
    created REAL NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]'     -- [[key, value], ...]
) STRICT, WITHOUT ROWID;

CREATE TABLE objects (
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key TEXT NOT NULL,
    blob TEXT NOT NULL UNIQUE,          -- the file of its bytes
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified REAL NOT NULL,
    traits TEXT NOT NULL,               -- store.traits.Traits
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key TEXT NOT NULL,
    initiated REAL NOT NULL,
    traits TEXT NOT NULL                -- of the object to be
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_by_key ON uploads (bucket, key, initiated, id);

CREATE TABLE upload_parts (
    upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    blob TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified REAL NOT NULL,
    checksum TEXT,                      -- base64
    PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;

-- What is to be done on disk after a change was committed; done again after a crash.
CREATE TABLE object_chores (
    id INTEGER PRIMARY KEY,
    bucket TEXT,                        -- with key: bring its name in the readable tree up to date
    key TEXT,
    blob TEXT                           -- delete this file
) STRICT;
