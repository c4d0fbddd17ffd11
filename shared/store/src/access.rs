//! How a database is reached: whom to trust, how to log in, how long to wait; runs no query.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::Executor;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlSslMode};
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

#[cfg(feature = "sqlite")]
use crate::decimals::{DECIMAL, decimal_order};
use crate::iam::Tokens;
use crate::{Iam, Pool, StoreError};

/// How long a caller waits for a connection: less than any function's time, so that the error
/// still reaches the log.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// What a MySQL connection starts with: a number that does not fit is an error and not the nearest
/// one that does, and a writer locks the rows it writes, not the gaps between them.
const MYSQL_SESSION: &str = "set session sql_mode = 'STRICT_ALL_TABLES'; \
    set session transaction isolation level read committed";
/// How long SQLite waits for another writer; a write takes milliseconds.
#[cfg(feature = "sqlite")]
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a URL does not say about a server. By default nothing is asked for beyond the URL.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// A PEM file of the authorities that may vouch for the server, beside those this machine
    /// trusts. With it the connection is encrypted and to the host named, or there is none.
    pub authorities: Option<PathBuf>,
    pub login: Login,
}

#[derive(Debug, Clone, Default)]
pub enum Login {
    /// The URL's password, if it has one.
    #[default]
    Password,
    /// A signed token for the URL's user, only ever sent to a server that proved who it is.
    Iam(Iam),
    /// Somebody else than the URL says.
    As(Account),
}

/// A user of the server, as Secrets Manager keeps it for RDS.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    pub username: String,
    pub password: Password,
}

/// What no log and no error shows.
#[derive(Clone, Serialize, Deserialize)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(not shown)")
    }
}

impl Access {
    /// From the environment, for the functions: `DATABASE_CA`, the authorities' file, and
    /// `DATABASE_AUTH`, `password` (the default) or `iam` with the credentials that Lambda gives.
    pub fn from_env() -> Result<Access, StoreError> {
        // What is no UTF-8 names no file: it is refused like any other wrong path, not left out.
        Access::read(|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Access, StoreError> {
        let login = match variable("DATABASE_AUTH").as_deref() {
            None | Some("password") => Login::Password,
            Some("iam") => Login::Iam(Iam::read(&variable)?),
            Some(_) => return Err(StoreError::Login("neither password nor iam".into())),
        };
        Ok(Access { authorities: variable("DATABASE_CA").map(PathBuf::from), login })
    }

    /// A pool that connects when it is first used, and what renews its password where that ends.
    pub(crate) fn pool(
        &self,
        url: &str,
        connections: u32,
    ) -> Result<(Pool, Option<Tokens>), StoreError> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => self.postgres(url, connections),
            Some("mysql" | "mariadb") => self.mysql(url, connections),
            #[cfg(feature = "sqlite")]
            Some("sqlite") => self.sqlite(url, connections),
            _ => Err(StoreError::Url(unknown_scheme(url))),
        }
    }

    fn postgres(&self, url: &str, connections: u32) -> Result<(Pool, Option<Tokens>), StoreError> {
        let mut options: PgConnectOptions = url.parse().map_err(wrong_url)?;
        if self.must_be_proved() {
            options = options.ssl_mode(PgSslMode::VerifyFull);
        }
        if let Some(path) = &self.authorities {
            options = options.ssl_root_cert_from_pem(certificates(path)?);
        }
        if let Login::As(account) = &self.login {
            options = options.username(&account.username).password(&account.password.0);
        }
        let tokens = self.tokens(options.get_host(), options.get_port(), options.get_username());
        let pool = remote(PgPoolOptions::new(), connections).connect_lazy_with(options);
        Ok((Pool::Postgres(pool), tokens))
    }

    fn mysql(&self, url: &str, connections: u32) -> Result<(Pool, Option<Tokens>), StoreError> {
        let mut options: MySqlConnectOptions = url.parse().map_err(wrong_url)?;
        if self.must_be_proved() {
            options = options.ssl_mode(MySqlSslMode::VerifyIdentity);
        }
        if let Some(path) = &self.authorities {
            options = options.ssl_ca_from_pem(certificates(path)?);
        }
        // RDS reads the token as it is; what it is sent through is encrypted, see above.
        options = options.enable_cleartext_plugin(matches!(self.login, Login::Iam(_)));
        if let Login::As(account) = &self.login {
            options = options.username(&account.username).password(&account.password.0);
        }
        let tokens = self.tokens(options.get_host(), options.get_port(), options.get_username());
        let pool = remote(MySqlPoolOptions::new(), connections).after_connect(|connection, _| {
            Box::pin(async { connection.execute(MYSQL_SESSION).await.map(drop) })
        });
        Ok((Pool::MySql(pool.connect_lazy_with(options)), tokens))
    }

    #[cfg(feature = "sqlite")]
    fn sqlite(&self, url: &str, connections: u32) -> Result<(Pool, Option<Tokens>), StoreError> {
        if self.must_be_proved() || matches!(self.login, Login::As(_)) {
            let why = "a file has no use for DATABASE_CA, DATABASE_AUTH=iam or a user";
            return Err(StoreError::Url(why.into()));
        }
        let options: SqliteConnectOptions = url.parse().map_err(wrong_url)?;
        let options = options
            .create_if_missing(true)
            .collation(DECIMAL, decimal_order)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new().max_connections(connections);
        // A writer may wait for the others as long as SQLite lets it.
        let pool = pool.acquire_timeout(BUSY_TIMEOUT).connect_lazy_with(options);
        Ok((Pool::Sqlite(pool), None))
    }

    fn must_be_proved(&self) -> bool {
        self.authorities.is_some() || matches!(self.login, Login::Iam(_))
    }

    fn tokens(&self, host: &str, port: u16, user: &str) -> Option<Tokens> {
        let Login::Iam(iam) = &self.login else { return None };
        let (host, user) = (host.to_owned(), user.to_owned());
        Some(Tokens { iam: iam.clone(), host, port, user, signed_at: Mutex::new(None) })
    }
}

/// A function that sleeps between two events keeps its connection: neither its age nor its idleness
/// ends it, and before each use it is asked whether it still lives.
fn remote<DB: sqlx::Database>(options: PoolOptions<DB>, connections: u32) -> PoolOptions<DB> {
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
}

fn certificates(path: &Path) -> Result<Vec<u8>, StoreError> {
    let refuse = |why: String| StoreError::Authorities(path.display().to_string(), why);
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let begin = b"-----BEGIN CERTIFICATE-----";
    if !pem.windows(begin.len()).any(|window| window == begin) {
        return Err(refuse("it has no certificate in PEM".into()));
    }
    Ok(pem)
}

fn wrong_url(error: sqlx::Error) -> StoreError {
    StoreError::Url(error.to_string())
}

/// Says what would have been right, and never prints a password.
fn unknown_scheme(url: &str) -> String {
    let scheme = url.split_once("://").map_or("no scheme", |(scheme, _)| scheme);
    let known = "postgres:// or mysql://";
    let sqlite = if cfg!(feature = "sqlite") { " or sqlite://" } else { "" };
    format!("{scheme} is no database known here; expected {known}{sqlite}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_who_is_trusted_and_how_to_log_in() {
        let read = |set: &[(&str, &str)]| {
            Access::read(|name| {
                let found = set.iter().find(|(it, _)| *it == name);
                found.map(|(_, value)| value.to_string())
            })
        };
        let nothing = read(&[]).expect("nothing is asked for");
        assert!(nothing.authorities.is_none() && matches!(nothing.login, Login::Password));
        let set = [
            ("DATABASE_AUTH", "iam"),
            ("DATABASE_CA", "global-bundle.pem"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let access = read(&set).expect("all that IAM needs");
        assert_eq!(access.authorities.as_deref(), Some(Path::new("global-bundle.pem")));
        assert!(matches!(access.login, Login::Iam(iam) if iam.region == "eu-west-1"));
        let error = read(&[("DATABASE_AUTH", "IAM")]).expect_err("not its spelling").to_string();
        assert_eq!(error, "DATABASE_AUTH: neither password nor iam");
    }
}
