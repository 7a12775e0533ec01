-- Hyperparameter tuning jobs, and which training jobs each has launched.
CREATE TABLE tuning_jobs (
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    request TEXT NOT NULL,              -- the CreateHyperParameterTuningJob document
    account TEXT NOT NULL,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    seed INTEGER NOT NULL,              -- what its choices follow from
    status TEXT NOT NULL,               -- HyperParameterTuningJobStatus
    ending TEXT,                        -- the status it is stopping for, once decided
    failure_reason TEXT,
    converged REAL,                     -- ConvergenceDetectedTime
    ended REAL,
    confined INTEGER NOT NULL DEFAULT 0,-- whether a job asked for it
    PRIMARY KEY (region, name)
) STRICT;
CREATE INDEX tuning_jobs_by_time ON tuning_jobs (region, created, name);
CREATE INDEX tuning_jobs_live ON tuning_jobs (created) WHERE ended IS NULL;
-- ARNs have names in lower case: two jobs must differ in more than case.
CREATE UNIQUE INDEX tuning_jobs_by_arn ON tuning_jobs (region, name COLLATE NOCASE);

-- A row is written before its training job is created, so that none is lost or launched twice.
CREATE TABLE tuned_jobs (
    region TEXT NOT NULL,
    tuning_job TEXT NOT NULL,
    number INTEGER NOT NULL,            -- from 1, in the order of launch
    name TEXT NOT NULL,                 -- the training job's
    definition INTEGER NOT NULL,        -- which of the TrainingJobDefinitions
    tuned TEXT NOT NULL,                -- {hyperparameter: value}
    submitted INTEGER NOT NULL DEFAULT 0,
    settled INTEGER NOT NULL DEFAULT 0, -- whether it has ended; what follows is its result
    status TEXT NOT NULL DEFAULT 'InProgress',
    created REAL,
    started REAL,
    ended REAL,
    failure_reason TEXT,
    objective REAL,
    epochs INTEGER NOT NULL DEFAULT 0,
    stopped_early INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (region, tuning_job, number)
) STRICT;
