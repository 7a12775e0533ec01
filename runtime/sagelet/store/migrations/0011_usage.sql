-- What hosts of jobs use of the machine: SageMaker's instance metrics.
CREATE TABLE usage_hosts (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- TrainingJob or ProcessingJob
    job TEXT NOT NULL,
    host TEXT NOT NULL,
    following INTEGER NOT NULL,         -- behind the place of its last sample
    time REAL NOT NULL,                 -- of its last sample
    cores REAL NOT NULL,                -- what it may use
    memory_limit INTEGER NOT NULL,      -- bytes
    gpus INTEGER NOT NULL,
    gpu_memory_limit INTEGER,           -- bytes, of all its GPUs
    UNIQUE (region, kind, job, host)
) STRICT;

CREATE TABLE usage_samples (
    host INTEGER NOT NULL REFERENCES usage_hosts (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,             -- the same for all hosts of a job that were looked at together
    time REAL NOT NULL,
    cpu REAL NOT NULL,                  -- percent, summed over cores
    memory INTEGER NOT NULL,            -- bytes
    disk REAL,                          -- percent of the file system
    gpu REAL,                           -- percent, summed over GPUs
    gpu_memory INTEGER,                 -- bytes
    PRIMARY KEY (host, place)
) STRICT, WITHOUT ROWID;
