-- Jobs of several regions in one home, what their queue and their warm pools need.
CREATE TABLE regional_jobs (
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    request TEXT NOT NULL,              -- the CreateTrainingJob document
    account TEXT NOT NULL,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    status TEXT NOT NULL,               -- TrainingJobStatus
    secondary TEXT NOT NULL,
    ending TEXT,
    failure_reason TEXT,
    steps TEXT NOT NULL,                -- [[status, start, end, message], ...]
    over INTEGER NOT NULL DEFAULT 0,
    ended REAL,                         -- TrainingEndTime
    backend TEXT,                       -- docker or process, once chosen
    simulate INTEGER NOT NULL DEFAULT 0,-- whether its instance type sets limits
    confined INTEGER NOT NULL DEFAULT 0,-- whether a job asked for it
    devices TEXT,                       -- [[GPU, ...], ...] by host, once admitted
    launched REAL,                      -- when its hosts were started
    attempt INTEGER NOT NULL DEFAULT 1,
    stop_requested REAL,
    artifacts TEXT NOT NULL DEFAULT '{}',
    notes TEXT NOT NULL DEFAULT '[]',
    keep_alive INTEGER NOT NULL DEFAULT 0,  -- KeepAlivePeriodInSeconds
    reused_by TEXT,                     -- the job that took over its warm pool, and when
    reused_at REAL,
    PRIMARY KEY (region, name)
) STRICT;
INSERT INTO regional_jobs (region, name, request, account, created, modified, status, secondary,
    ending, failure_reason, steps, over, backend, simulate, launched, stop_requested, artifacts)
    SELECT region, name, request, account, created, modified,
        CASE WHEN secondary IN ('Completed', 'Failed', 'Stopped', 'Stopping') THEN secondary
            WHEN secondary = 'MaxRuntimeExceeded' THEN 'Stopped'
            WHEN secondary = 'Uploading' AND ending IN ('Stopped', 'MaxRuntimeExceeded')
            THEN 'Stopping' ELSE 'InProgress' END,
        secondary, ending, failure_reason, steps, over, backend, 1, created, stop_requested,
        artifacts
    FROM training_jobs ORDER BY rowid;
UPDATE regional_jobs SET ended = json_extract(steps, '$[#-1][1]') WHERE over = 1;

CREATE TABLE regional_metrics (
    region TEXT NOT NULL,
    job TEXT NOT NULL,
    name TEXT NOT NULL,
    ordinal INTEGER NOT NULL,           -- position in the job's series of that name
    host TEXT NOT NULL,
    time REAL NOT NULL,
    value REAL,                         -- NULL is NaN, which SQLite does not keep
    PRIMARY KEY (region, job, name, ordinal),
    FOREIGN KEY (region, job) REFERENCES regional_jobs (region, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
INSERT INTO regional_metrics (region, job, name, ordinal, host, time, value)
    SELECT training_jobs.region, job, metrics.name, ordinal, host, time, value
    FROM metrics JOIN training_jobs ON training_jobs.name = metrics.job;

CREATE TABLE regional_versions (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    region TEXT NOT NULL,
    job TEXT NOT NULL,
    created REAL NOT NULL,
    size INTEGER,                       -- bytes; NULL until the files are in place
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
INSERT INTO regional_versions (name, version, region, job, created, size)
    SELECT model_versions.name, version, training_jobs.region, job, model_versions.created, size
    FROM model_versions JOIN training_jobs ON training_jobs.name = model_versions.job;

DROP TABLE metrics;
DROP TABLE training_jobs;
DROP TABLE model_versions;
ALTER TABLE regional_jobs RENAME TO training_jobs;
ALTER TABLE regional_metrics RENAME TO metrics;
ALTER TABLE regional_versions RENAME TO model_versions;
CREATE INDEX training_jobs_by_time ON training_jobs (region, created, name);
CREATE INDEX training_jobs_by_change ON training_jobs (region, modified, name);
CREATE INDEX training_jobs_by_status ON training_jobs (region, status, created, name);
CREATE INDEX training_jobs_live ON training_jobs (created) WHERE over = 0;
CREATE INDEX training_jobs_warm ON training_jobs (region, ended) WHERE keep_alive > 0;
CREATE INDEX model_versions_by_job ON model_versions (region, job);
