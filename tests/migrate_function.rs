//! The program of `migrate`, both halves of it, as a deployment calls it: a database is of this
//! version afterwards, or the caller knows why not, and nobody knows the password.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use store::{Access, Store};
use tests::databases::Database;
use tests::mariadb::Mariadb;
use tests::postgres::Postgres;
use tests::runtime::{Function, example};
use tests::secrets::{FUNCTION, SECRET, Secrets};
use tests::tls::{Authority, free_port};

/// What a part of the answer must not be, nor of any log.
const PASSWORD: &str = "correct%horse/battery@staple";

fn nothing() -> Value {
    example(include_str!("../events/migrate.json"))
}

/// A server as RDS has it: TLS, and an owner of the database who is no superuser and has a
/// password.
struct Rds {
    _server: Postgres,
    authority: Authority,
    port: u16,
    root: PgConnection,
}

impl Rds {
    async fn start() -> Rds {
        let (authority, port) = (Authority::new("ours"), free_port());
        let server = Postgres::start_at(port, Some(&authority.identity("localhost")));
        let mut root = PgConnection::connect(&server.url("postgres")).await.expect("connected");
        root.execute("create role app login createrole").await.expect("made");
        root.execute("create role rds_iam").await.expect("made");
        root.execute("grant rds_iam to app with admin option").await.expect("granted");
        root.execute("create database tickfold owner app").await.expect("made");
        Rds { _server: server, authority, port, root }
    }

    async fn set_password(&mut self, password: &str) {
        let set = format!("alter role app password '{password}'");
        self.root.execute(AssertSqlSafe(set)).await.expect("set");
    }

    /// Without a user, as the deployment writes it.
    fn url(&self) -> String {
        format!("postgres://localhost:{}/tickfold", self.port)
    }

    /// What the function inside finds in its environment.
    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DATABASE_URL", self.url()),
            ("DATABASE_CA", self.authority.file().display().to_string()),
            ("RUST_LOG", "trace".into()),
            ("AWS_LAMBDA_LOG_LEVEL", "TRACE".into()),
        ]
    }
}

fn secret(password: &str) -> String {
    json!({ "username": "app", "password": password }).to_string()
}

#[tokio::test]
async fn from_outside_it_migrates_with_the_password_that_is_in_the_secret() {
    let mut rds = Rds::start().await;
    let inside = Function::start("migrate", &rds.environment()).await.expect("it starts");
    let secrets = Secrets::start(secret(PASSWORD), inside).await;
    let mut outside = Function::start("migrate", &secrets.environment()).await.expect("it starts");

    let error = outside.invoke(&nothing()).await.expect_err("the password is not that one");
    let said = error["errorMessage"].as_str().expect("text").to_owned();
    assert!(said.starts_with(&format!("function {FUNCTION}: the tables: ")), "{said}");
    assert!(said.contains("password authentication failed for user \"app\""), "{said}");

    let done = json!({ "migration": 6, "logins": "iam" });
    for password in [PASSWORD, "another one"] {
        // Its role is a new one.
        secrets.refuse(1).await;
        rds.set_password(password).await;
        secrets.change(&secret(password)).await;
        let answer = outside.invoke(&nothing()).await;
        assert_eq!(answer, Ok(done.clone()), "{}", secrets.log().await);
    }
    let access = Access { authorities: Some(rds.authority.file()), ..Access::default() };
    let reader = rds.url().replace("//", "//tickfold_readonly@");
    let reader = Store::connect_with(&reader, 1, &access).expect("URL");
    assert_eq!(reader.symbols().await.expect("the tables and the account are there"), []);

    for wrong in [json!({ "user": PASSWORD }).to_string(), PASSWORD.into()] {
        secrets.change(&wrong).await;
        let error = outside.invoke(&nothing()).await.expect_err("no account");
        let expected = format!(
            "secret {SECRET}: it is not {{\"username\": ..., \"password\": ...}}, as RDS writes it"
        );
        assert_eq!(error["errorMessage"], expected);
    }
    for (half, log) in [("outside", outside.log()), ("inside", secrets.log().await)] {
        assert!(!log.contains(PASSWORD) && !log.contains("another one"), "{half}: {log}");
    }
}

#[tokio::test]
async fn a_secret_or_a_function_that_is_not_there_is_named() {
    let database = Database::postgres().await;
    let environment = [("DATABASE_URL", database.url.clone())];
    let inside = Function::start("migrate", &environment).await.expect("it starts");
    let secrets = Secrets::start(secret(PASSWORD), inside).await;
    let mut environment = secrets.environment();
    environment.push(("MIGRATE_SECRET", "arn:of:another".into()));
    let mut outside = Function::start("migrate", &environment).await.expect("it starts");
    let error = outside.invoke(&nothing()).await.expect_err("no such secret");
    let said = error["errorMessage"].as_str().expect("text").to_owned();
    assert!(said.starts_with("secret arn:of:another: "), "{said}");
    assert!(said.contains("no such secret"), "{said}");
}

#[tokio::test]
async fn inside_the_event_says_who_logs_in_and_without_that_the_url() {
    let server = Mariadb::start_with_accounts();
    let url = server.database();
    let mut function =
        Function::start("migrate", &[("DATABASE_URL", url)]).await.expect("it starts");
    let done = json!({ "migration": 6, "logins": "closed" });
    for _ in 0..2 {
        assert_eq!(function.invoke(&nothing()).await, Ok(done.clone()), "{}", function.log());
    }
    let stranger = example(include_str!("../events/migrate-account.json"));
    let error = function.invoke(&stranger).await.expect_err("nobody here is called that");
    let said = error["errorMessage"].as_str().expect("text");
    assert!(said.contains("Access denied for user 'tickfold'"), "{said}");
}
