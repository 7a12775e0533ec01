-- Processing jobs: as training jobs are kept, without what only those have.
CREATE TABLE processing_jobs (
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    request TEXT NOT NULL,              -- the CreateProcessingJob document
    account TEXT NOT NULL,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    status TEXT NOT NULL,               -- ProcessingJobStatus
    secondary TEXT NOT NULL,
    ending TEXT,
    failure_reason TEXT,
    steps TEXT NOT NULL,                -- [[status, start, end, message], ...]
    over INTEGER NOT NULL DEFAULT 0,
    ended REAL,                         -- ProcessingEndTime
    backend TEXT,                       -- docker or process, once chosen
    simulate INTEGER NOT NULL DEFAULT 0,-- whether its instance type sets limits
    confined INTEGER NOT NULL DEFAULT 0,-- whether a job asked for it
    devices TEXT,                       -- [[GPU, ...], ...] by host, once admitted
    launched REAL,                      -- when its hosts were started
    attempt INTEGER NOT NULL DEFAULT 1,
    stop_requested REAL,
    interruption TEXT,
    artifacts TEXT NOT NULL DEFAULT '{}',
    notes TEXT NOT NULL DEFAULT '[]',
    exit_message TEXT,
    component INTEGER,                  -- its trial component
    PRIMARY KEY (region, name)
) STRICT;
CREATE INDEX processing_jobs_by_time ON processing_jobs (region, created, name);
CREATE INDEX processing_jobs_by_change ON processing_jobs (region, modified, name);
CREATE INDEX processing_jobs_by_status ON processing_jobs (region, status, created, name);
CREATE INDEX processing_jobs_live ON processing_jobs (created) WHERE over = 0;
-- ARNs have names in lower case: two jobs must differ in more than case.
CREATE UNIQUE INDEX processing_jobs_by_arn ON processing_jobs (region, name COLLATE NOCASE);
CREATE INDEX processing_jobs_by_component ON processing_jobs (component);
