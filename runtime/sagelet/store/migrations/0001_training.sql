-- Training jobs, their metrics, and the model versions they left.
CREATE TABLE training_jobs (
    name TEXT PRIMARY KEY,
    request TEXT NOT NULL,              -- the CreateTrainingJob document
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    secondary TEXT NOT NULL,
    ending TEXT,
    failure_reason TEXT,
    steps TEXT NOT NULL,                -- [[status, start, end, message], ...]
    over INTEGER NOT NULL DEFAULT 0,
    backend TEXT,                       -- docker or process, once chosen
    stop_requested REAL,
    artifacts TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX training_jobs_by_time ON training_jobs (created);
CREATE INDEX training_jobs_live ON training_jobs (name) WHERE over = 0;

CREATE TABLE metrics (
    job TEXT NOT NULL REFERENCES training_jobs (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    ordinal INTEGER NOT NULL,           -- position in the job's series of that name
    host TEXT NOT NULL,
    time REAL NOT NULL,
    value REAL,                         -- NULL is NaN, which SQLite does not keep
    PRIMARY KEY (job, name, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_versions (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    job TEXT NOT NULL UNIQUE,
    created REAL NOT NULL,
    size INTEGER,                       -- bytes; NULL until the files are in place
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
