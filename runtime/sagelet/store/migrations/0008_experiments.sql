-- Experiments, trials, trial components; metrics become series of trial components.
CREATE TABLE experiments (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    account TEXT NOT NULL,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    document TEXT NOT NULL,             -- what the request says besides the name
    UNIQUE (region, name)
) STRICT;
CREATE INDEX experiments_by_time ON experiments (region, created);
CREATE INDEX experiments_by_change ON experiments (region, modified);

CREATE TABLE trials (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    experiment INTEGER NOT NULL REFERENCES experiments (id),
    account TEXT NOT NULL,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (region, name)
) STRICT;
CREATE INDEX trials_by_experiment ON trials (experiment);
CREATE INDEX trials_by_time ON trials (region, created);
CREATE INDEX trials_by_change ON trials (region, modified);

CREATE TABLE trial_components (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    account TEXT NOT NULL,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    source TEXT,                        -- the job's ARN, in lower case
    deleted INTEGER NOT NULL DEFAULT 0, -- only its job needs it still, for the job's metrics
    document TEXT NOT NULL              -- without name, parameters, metrics
) STRICT;
CREATE UNIQUE INDEX trial_components_by_name ON trial_components (region, name) WHERE deleted = 0;
CREATE INDEX trial_components_by_time ON trial_components (region, created) WHERE deleted = 0;
CREATE INDEX trial_components_by_change ON trial_components (region, modified) WHERE deleted = 0;
CREATE INDEX trial_components_by_source ON trial_components (source) WHERE source IS NOT NULL;

CREATE TABLE trial_members (
    component INTEGER NOT NULL REFERENCES trial_components (id) ON DELETE CASCADE,
    trial INTEGER NOT NULL REFERENCES trials (id),
    PRIMARY KEY (component, trial)
) STRICT, WITHOUT ROWID;
CREATE INDEX trial_members_by_trial ON trial_members (trial, component);

-- Names of parameters and metrics, once a region: rows that hold values hold a number for them.
CREATE TABLE property_names (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- parameter or metric
    name TEXT NOT NULL,
    UNIQUE (region, kind, name)
) STRICT;

CREATE TABLE parameters (
    component INTEGER NOT NULL REFERENCES trial_components (id) ON DELETE CASCADE,
    name INTEGER NOT NULL REFERENCES property_names (id),
    value ANY,                          -- a REAL or a TEXT; NULL is NaN, which SQLite does not keep
    PRIMARY KEY (component, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX parameters_by_value ON parameters (name, value);

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    component INTEGER NOT NULL REFERENCES trial_components (id) ON DELETE CASCADE,
    name INTEGER NOT NULL REFERENCES property_names (id),
    following INTEGER NOT NULL,         -- the ordinal of its next point
    count INTEGER NOT NULL,
    numbers INTEGER NOT NULL,           -- points that are not NaN; the next four are of these
    least REAL,
    greatest REAL,
    mean REAL,
    deviation REAL,
    last REAL,                          -- NULL is NaN
    time REAL NOT NULL,                 -- of the last point
    -- What changes with every point has an index over copies, which are brought up to date later.
    ranked_mean REAL,
    ranked_last REAL,
    stale INTEGER NOT NULL DEFAULT 0,   -- whether the copies differ
    UNIQUE (component, name)
) STRICT;
CREATE INDEX series_by_least ON series (name, least, component);
CREATE INDEX series_by_greatest ON series (name, greatest, component);
CREATE INDEX series_by_mean ON series (name, ranked_mean, component);
CREATE INDEX series_by_last ON series (name, ranked_last, component);
CREATE INDEX series_stale ON series (name) WHERE stale = 1;

CREATE TABLE points (
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,           -- the order they came in
    time REAL NOT NULL,
    value REAL,                         -- NULL is NaN
    step INTEGER,
    host TEXT,                          -- of a job, whose output is told again after a crash
    PRIMARY KEY (series, ordinal)
) STRICT, WITHOUT ROWID;

-- Lineage: artifacts, contexts and actions, and how these and trial components hang together.
CREATE TABLE lineage_entities (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- artifact, context or action
    name TEXT NOT NULL COLLATE NOCASE,  -- of an artifact the last part of its ARN
    account TEXT NOT NULL,
    created REAL NOT NULL,
    modified REAL NOT NULL,
    type TEXT NOT NULL,                 -- ArtifactType, ContextType, ActionType
    uri TEXT NOT NULL,                  -- Source.SourceUri
    document TEXT NOT NULL,
    UNIQUE (region, kind, name)
) STRICT;
CREATE INDEX lineage_entities_by_uri ON lineage_entities (uri);

CREATE TABLE associations (
    id INTEGER PRIMARY KEY,
    region TEXT NOT NULL,
    source TEXT NOT NULL,               -- ARNs, in lower case
    destination TEXT NOT NULL,
    type TEXT,
    created REAL NOT NULL,
    UNIQUE (source, destination)
) STRICT;
CREATE INDEX associations_by_destination ON associations (destination);

-- The component of each job that there is already.
INSERT INTO trial_components (region, name, account, created, modified, source, document)
SELECT region, name || '-aws-training-job', account, created, modified,
    'arn:aws:sagemaker:' || region || ':' || account || ':training-job/' || lower(name),
    json_patch(json_patch('{}', json_object(
        'DisplayName', name || '-aws-training-job',
        'Source', json_object(
            'SourceArn',
            'arn:aws:sagemaker:' || region || ':' || account || ':training-job/' || lower(name),
            'SourceType', 'SageMakerTrainingJob'),
        'Status', json_object(
            'PrimaryStatus', status,
            'Message', substr('Status: ' || status || ', secondary status: ' || secondary
                || ', failure reason: ' || coalesce(failure_reason, '') || '.', 1, 1024)),
        'InputArtifacts', json_patch(
            json_object('SageMaker.ImageUri', json_object('Value',
                coalesce(json_extract(request, '$.AlgorithmSpecification.TrainingImage'), ''))),
            (SELECT json_group_object(json_extract(value, '$.ChannelName'), json_object('Value',
                json_extract(value, '$.DataSource.S3DataSource.S3Uri')))
                FROM json_each(request, '$.InputDataConfig')
                WHERE json_extract(value, '$.DataSource.S3DataSource.S3Uri') IS NOT NULL)),
        'StartTime', (SELECT json_extract(value, '$[1]') FROM json_each(steps)
            WHERE json_extract(value, '$[0]') = 'Downloading' LIMIT 1),
        'EndTime', ended
    )), CASE WHEN json_extract(artifacts, '$.model') IS NULL THEN '{}' ELSE json_object(
        'OutputArtifacts', json_object('SageMaker.ModelArtifact',
            json_object('Value', json_extract(artifacts, '$.model')))) END)
FROM training_jobs ORDER BY created;

ALTER TABLE training_jobs ADD COLUMN component INTEGER; -- its trial component
CREATE INDEX training_jobs_by_component ON training_jobs (component);
UPDATE training_jobs SET component = (SELECT id FROM trial_components WHERE source =
    'arn:aws:sagemaker:' || training_jobs.region || ':' || account || ':training-job/'
    || lower(training_jobs.name));

CREATE TEMP TABLE given AS
SELECT region, component, key AS name, CASE WHEN json_valid(value)
    AND json_type(value) IN ('integer', 'real') THEN CAST(value AS REAL) ELSE value END AS value
FROM training_jobs, json_each(request, '$.HyperParameters')
UNION ALL SELECT region, component, 'SageMaker.InstanceCount', CAST(coalesce(
    json_extract(request, '$.ResourceConfig.InstanceCount'),
    (SELECT sum(json_extract(value, '$.InstanceCount'))
        FROM json_each(request, '$.ResourceConfig.InstanceGroups')), 1) AS REAL)
FROM training_jobs
UNION ALL SELECT region, component, 'SageMaker.VolumeSizeInGB',
    CAST(json_extract(request, '$.ResourceConfig.VolumeSizeInGB') AS REAL)
FROM training_jobs WHERE json_extract(request, '$.ResourceConfig.VolumeSizeInGB') > 0
UNION ALL SELECT region, component, 'SageMaker.InstanceType',
    json_extract(request, '$.ResourceConfig.InstanceType')
FROM training_jobs WHERE json_extract(request, '$.ResourceConfig.InstanceType') IS NOT NULL;
INSERT INTO property_names (region, kind, name)
SELECT DISTINCT region, 'parameter', name FROM given;
INSERT OR IGNORE INTO parameters (component, name, value)
SELECT component, property_names.id, value FROM given JOIN property_names
    ON property_names.region = given.region AND kind = 'parameter'
    AND property_names.name = given.name;
DROP TABLE given;

INSERT INTO property_names (region, kind, name)
SELECT DISTINCT region, 'metric', name FROM metrics;
INSERT INTO series (component, name, following, count, numbers, least, greatest, mean, deviation,
    last, time)
SELECT component, property_names.id, max(ordinal) + 1, count(*), count(value), min(value),
    max(value), avg(value), square_root(max(0.0, avg(value * value) - avg(value) * avg(value))), NULL, 0
FROM metrics JOIN training_jobs
    ON training_jobs.region = metrics.region AND training_jobs.name = metrics.job
    JOIN property_names ON property_names.region = metrics.region AND kind = 'metric'
    AND property_names.name = metrics.name
GROUP BY component, property_names.id;
INSERT INTO points (series, ordinal, time, value, host)
SELECT series.id, ordinal, metrics.time, value, host
FROM metrics JOIN training_jobs
    ON training_jobs.region = metrics.region AND training_jobs.name = metrics.job
    JOIN property_names ON property_names.region = metrics.region AND kind = 'metric'
    AND property_names.name = metrics.name
    JOIN series ON series.component = training_jobs.component AND series.name = property_names.id;
UPDATE series SET (last, time) = (SELECT value, time FROM points
    WHERE points.series = series.id ORDER BY ordinal DESC LIMIT 1);
UPDATE series SET ranked_mean = mean, ranked_last = last;
DROP TABLE metrics;
