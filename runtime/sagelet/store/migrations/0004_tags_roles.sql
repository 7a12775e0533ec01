-- Tags by ARN, IAM roles and their policies, and the credentials that STS gave away.
CREATE TABLE tags (
    arn TEXT NOT NULL,                  -- in lower case
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE roles (
    account TEXT NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    path TEXT NOT NULL,
    created REAL NOT NULL,
    trust TEXT NOT NULL,                -- the policy document that says who may take the role
    extras TEXT NOT NULL,               -- further members as the API shows them
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE role_policies (
    account TEXT NOT NULL,
    role TEXT NOT NULL COLLATE NOCASE,  -- also of roles that exist without a row
    policy TEXT NOT NULL,               -- a name, or the ARN of an attached policy
    document TEXT,                      -- NULL: attached
    PRIMARY KEY (account, role, policy)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    access_key TEXT PRIMARY KEY,
    secret TEXT NOT NULL,
    token TEXT NOT NULL,
    arn TEXT NOT NULL,                  -- the assumed role
    expires REAL NOT NULL,
    confined INTEGER NOT NULL,          -- 1: given to a job, and good for no more than a job's own
    opened_by TEXT NOT NULL             -- the access key that asked for it
) STRICT, WITHOUT ROWID;
