-- ARNs have names in lower case: two jobs must differ in more than case.
CREATE UNIQUE INDEX training_jobs_by_arn ON training_jobs (region, name COLLATE NOCASE);
