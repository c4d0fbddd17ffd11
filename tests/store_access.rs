//! What RDS asks for: a server that is proved before anything is said to it, passwords that end, and
//! connections that the server drops.

use std::path::Path;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection};
use store::{Access, Iam, Login, Store, StoreError};
use tests::databases::Database;
use tests::mariadb::Mariadb;
use tests::postgres::Postgres;
use tests::tls::{Authority, free_port};

/// Attempts to set a password and log in with it in the same second.
const ATTEMPTS: u32 = 50;

fn trusting(authorities: &Path) -> Access {
    Access { authorities: Some(authorities.to_owned()), ..Access::default() }
}

async fn refused(url: &str, access: &Access) -> String {
    let store = Store::connect_with(url, 1, access).expect("URL");
    store.migrate().await.expect_err("no connection").to_string()
}

/// The server is `localhost` by its certificate; the same machine has another name as well.
async fn only_the_proved_server_is_spoken_to(
    authority: &Authority,
    url: &str,
    plain_url: &str,
    without_tls: &str,
) {
    let (authority, other) = (&authority.file(), Authority::new("other"));
    let store = Store::connect_with(url, 1, &trusting(authority)).expect("URL");
    store.migrate().await.expect("it is who it says");
    assert!(store.symbols().await.expect("no rows").is_empty());

    let stranger = refused(url, &trusting(&other.file())).await;
    assert!(stranger.contains("UnknownIssuer"), "{stranger}");
    assert!(stranger.contains("DATABASE_CA"), "says what to look at: {stranger}");
    let elsewhere = url.replace("localhost", "127.0.0.1");
    let elsewhere = refused(&elsewhere, &trusting(authority)).await;
    assert!(elsewhere.contains("not valid for name"), "{elsewhere}");
    for url in [plain_url, &format!("{plain_url}?{without_tls}")] {
        let plain = refused(url, &trusting(authority)).await;
        assert!(plain.contains("server does not support TLS"), "{plain}");
    }
}

#[tokio::test]
async fn only_a_postgresql_that_is_proved_is_spoken_to() {
    let (authority, port, plain_port) = (Authority::new("ours"), free_port(), free_port());
    let identity = authority.identity("localhost");
    let _server = Postgres::start_at(port, Some(&identity));
    let _plain = Postgres::start_at(plain_port, None);
    let url = |port| format!("postgres://postgres@localhost:{port}/postgres");
    let (url, plain_url) = (url(port), url(plain_port));
    only_the_proved_server_is_spoken_to(&authority, &url, &plain_url, "sslmode=disable").await;
}

#[tokio::test]
async fn only_a_mariadb_that_is_proved_is_spoken_to() {
    let (authority, port, plain_port) = (Authority::new("ours"), free_port(), free_port());
    let identity = authority.identity("localhost");
    let _server = Mariadb::start_at(port, Some(&identity));
    let _plain = Mariadb::start_at(plain_port, None);
    let url = |port| format!("mysql://root@localhost:{port}/mysql");
    let (url, plain_url) = (url(port), url(plain_port));
    only_the_proved_server_is_spoken_to(&authority, &url, &plain_url, "ssl-mode=DISABLED").await;
}

#[tokio::test]
async fn a_file_that_proves_nothing_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
    std::fs::write(&empty, "nothing").expect("written");
    for url in ["postgres://db/bars", "mysql://db/bars"] {
        let error = |path| Store::connect_with(url, 1, &trusting(path)).expect_err("refused");
        let text = format!("DATABASE_CA: {}: No such file", missing.display());
        assert!(error(&missing).to_string().starts_with(&text), "{}", error(&missing));
        let text = format!("DATABASE_CA: {}: it has no certificate in PEM", empty.display());
        assert_eq!(error(&empty).to_string(), text);
    }
    let sqlite = Store::connect_with("sqlite://bars.db", 1, &trusting(&empty));
    let sqlite = sqlite.expect_err("a file has no certificate").to_string();
    assert!(sqlite.contains("DATABASE_CA"), "{sqlite}");
}

/// The token of the very second is the password of `app`, as RDS would check it.
#[tokio::test]
async fn with_iam_the_password_is_a_signed_token() {
    let authority = Authority::new("ours");
    let port = free_port();
    let server = Postgres::start_at(port, Some(&authority.identity("localhost")));
    let mut owner = PgConnection::connect(&server.url("postgres")).await.expect("connected");
    owner.execute("create role app login").await.expect("created");
    let credentials = Credentials::new("AKID", "secret", Some("session".into()), None, "test");
    let credentials = SharedCredentialsProvider::new(credentials);
    let iam = Iam { region: "eu-west-1".into(), credentials };
    let login = Login::Iam(iam.clone());
    let access = Access { authorities: Some(authority.file()), login };
    let url = format!("postgres://app:ignored@localhost:{port}/postgres");
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let now = SystemTime::now();
        let token = iam.token("localhost", port, "app", now).await.expect("signed");
        let set = format!("alter role app password '{token}'");
        owner.execute(AssertSqlSafe(set)).await.expect("set");
        let store = Store::connect_with(&url, 1, &access).expect("URL");
        match store.symbols().await.expect_err("there is no table, if it logs in") {
            StoreError::Database(error) if error.to_string().contains("\"bars\"") => return,
            error => last = Some(error.to_string()),
        }
    }
    panic!("no login: {last:?}");
}

#[tokio::test]
async fn iam_asks_for_proof_even_where_the_url_does_not() {
    let port = free_port();
    let _plain = Postgres::start_at(port, None);
    let credentials = Credentials::new("AKID", "secret", None, None, "test");
    let credentials = SharedCredentialsProvider::new(credentials);
    let login = Login::Iam(Iam { region: "eu-west-1".into(), credentials });
    let access = Access { authorities: None, login };
    let url = format!("postgres://app@localhost:{port}/postgres?sslmode=disable");
    let error = refused(&url, &access).await;
    assert!(error.contains("server does not support TLS"), "{error}");
}

#[tokio::test]
async fn a_connection_that_the_server_dropped_is_made_anew() {
    let postgres = Database::postgres().await;
    let mariadb = Database::mariadb().await;
    let (one, two) = (postgres.store(), mariadb.store());
    one.symbols().await.expect("connected");
    two.symbols().await.expect("connected");

    let mut owner = PgConnection::connect(&postgres.url).await.expect("connected");
    let dropped = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid()";
    let dropped: i64 = sqlx::query_scalar(dropped).fetch_one(&mut owner).await.expect("done");
    assert_eq!(dropped, 1);
    one.symbols().await.expect("connected again");

    let mut owner = MySqlConnection::connect(&mariadb.url).await.expect("connected");
    let others = "select id from information_schema.processlist \
                  where db = database() and id <> connection_id()";
    let others: Vec<i64> = sqlx::query_scalar(others).fetch_all(&mut owner).await.expect("ids");
    assert_eq!(others.len(), 1);
    let kill = format!("kill {}", others[0]);
    owner.execute(AssertSqlSafe(kill)).await.expect("killed");
    two.symbols().await.expect("connected again");
}
