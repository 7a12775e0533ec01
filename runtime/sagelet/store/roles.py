"""IAM roles and their policies by account, and the sessions that play roles."""

import json
from dataclasses import dataclass

from sagelet.domain.roles import Role, standing_role
from sagelet.store.database import Database

#: How the access keys of sessions begin, as AWS's do.
SESSION_PREFIX = "ASIA"


@dataclass(frozen=True, slots=True)
class Session:
    """Credentials that STS gave; ``arn`` is who has them, ``expires`` in epoch seconds.

    ``confined``: they were given to a job and are good for no more than the job's own.
    """

    access_key: str
    secret: str
    token: str
    arn: str
    expires: float
    confined: bool
    opened_by: str


class Roles:
    """The tables of roles, their policies and sessions; the same in all regions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, account: str, name: str) -> Role | None:
        """The role of that name, made by somebody or always there."""
        row = (
            self._database.connection()
            .execute(
                "SELECT account, name, path, created, trust, extras FROM roles"
                " WHERE account = ? AND name = ?",
                (account, name),
            )
            .fetchone()
        )
        return _role(*row) if row else standing_role(account, name)

    def made(self, account: str) -> list[Role]:
        """The roles that somebody made, by name."""
        rows = self._database.connection().execute(
            "SELECT account, name, path, created, trust, extras FROM roles WHERE account = ?"
            " ORDER BY name",
            (account,),
        )
        return [_role(*row) for row in rows]

    def add(self, role: Role) -> bool:
        """Remember a new role; False when there is a row of that name."""
        with self._database.transaction() as connection:
            added = connection.execute(
                "INSERT OR IGNORE INTO roles (account, name, path, created, trust, extras)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (*_key(role), role.path, role.created, role.trust, json.dumps(dict(role.extras))),
            )
            return added.rowcount == 1

    def save_trust(self, role: Role) -> None:
        """Store a role's ``trust``, whether it was made or is always there."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO roles (account, name, path, created, trust, extras)"
                " VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET trust = excluded.trust",
                (*_key(role), role.path, role.created, role.trust, json.dumps(dict(role.extras))),
            )

    def delete(self, role: Role) -> bool:
        """Drop a role; False, and nothing done, while it has policies."""
        with self._database.transaction() as connection:
            held = connection.execute(
                "SELECT 1 FROM role_policies WHERE account = ? AND role = ?", _key(role)
            ).fetchone()
            if held is None:
                connection.execute("DELETE FROM roles WHERE account = ? AND name = ?", _key(role))
            return held is None

    def put_policy(self, role: Role, policy: str, document: str | None) -> None:
        """Give the role a policy: one of its own, or (no document) an attached one by its ARN."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO role_policies (account, role, policy, document) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET document = excluded.document",
                (*_key(role), policy, document),
            )

    def remove_policy(self, role: Role, policy: str) -> bool:
        """Take a policy away; False when the role has none of that name or ARN."""
        with self._database.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM role_policies WHERE account = ? AND role = ? AND policy = ?",
                (*_key(role), policy),
            )
            return gone.rowcount == 1

    def policies(self, role: Role) -> dict[str, str | None]:
        """Name -> document, or ARN -> None of attached policies; by name."""
        rows = self._database.connection().execute(
            "SELECT policy, document FROM role_policies WHERE account = ? AND role = ?"
            " ORDER BY policy",
            _key(role),
        )
        return {row["policy"]: row["document"] for row in rows}

    def open_session(self, session: Session, now: float) -> None:
        """Remember credentials, and forget those that are long over."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE expires < ?", (now - 86400,))
            connection.execute(
                "INSERT INTO sessions (access_key, secret, token, arn, expires, confined,"
                " opened_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    session.access_key,
                    session.secret,
                    session.token,
                    session.arn,
                    session.expires,
                    int(session.confined),
                    session.opened_by,
                ),
            )

    def session(self, access_key: str) -> Session | None:
        """The credentials of that access key, also when they have just expired."""
        row = (
            self._database.connection()
            .execute(
                "SELECT access_key, secret, token, arn, expires, confined, opened_by FROM sessions"
                " WHERE access_key = ?",
                (access_key,),
            )
            .fetchone()
        )
        return Session(**{**dict(row), "confined": bool(row["confined"])}) if row else None


def _key(role: Role) -> tuple[str, str]:
    return role.account, role.name


def _role(account: str, name: str, path: str, created: float, trust: str, extras: str) -> Role:
    return Role(account, name, path, created, trust, json.loads(extras))
