//! `tickfold migrate` as its users run it: the tables are there afterwards, or it says why not.

use std::process::{Command, Output};

use store::Store;
use tests::binary::tickfold;
use tests::postgres::Postgres;

fn migrate(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(tickfold());
    command.arg("migrate").args(arguments).env_remove("DATABASE_URL");
    command.envs(environment.iter().copied()).output().expect("it starts")
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test]
async fn a_new_database_can_be_used_and_twice_is_once() {
    let (postgres, folder) = (Postgres::shared(), tempfile::tempdir().expect("a folder"));
    let sqlite = format!("sqlite://{}/bars.db", folder.path().display());
    for url in [postgres.database(), sqlite] {
        let store = Store::connect(&url, 1).expect("a URL");
        store.symbols().await.expect_err("there is no table yet");
        let ways = [
            (vec!["--database-url", &url], vec![]),
            (vec![], vec![("DATABASE_URL", url.as_str())]),
            // What is said beats what is around.
            (vec!["--database-url", &url], vec![("DATABASE_URL", "oracle://db")]),
        ];
        for (arguments, environment) in ways {
            let ran = migrate(&arguments, &environment);
            assert!(ran.status.success(), "{}", text(&ran.stderr));
            assert_eq!(text(&ran.stdout), "the tables are of this version\n");
            assert_eq!(store.symbols().await.expect("the tables are there"), []);
        }
    }
}

#[tokio::test]
async fn the_accounts_are_made_where_they_are_asked_for() {
    let server = Postgres::start();
    let url = server.database();
    let reader = url.replace("postgres@", "tickfold_readonly@");
    let reader = Store::connect(&reader, 1).expect("a URL");
    assert!(migrate(&["--database-url", &url], &[]).status.success());
    reader.symbols().await.expect_err("nobody asked for it");
    for _ in 0..2 {
        let ran = migrate(&["--roles", "--database-url", &url], &[]);
        let said = text(&ran.stdout);
        assert!(ran.status.success(), "{}", text(&ran.stderr));
        assert!(said.ends_with("and cannot log in before you give each a password\n"), "{said}");
        assert_eq!(reader.symbols().await.expect("it may read"), []);
    }
    let sqlite = migrate(&["--roles", "--database-url", "sqlite::memory:"], &[]);
    assert!(!sqlite.status.success());
    let said = text(&sqlite.stderr);
    assert!(said.contains("a file has no accounts"), "{said}");
}

#[test]
fn without_a_database_it_says_why_and_keeps_the_password() {
    let postgres = Postgres::shared();
    for (url, why) in [
        ("oracle://me:secret@host/db", "oracle is no database known here"),
        (
            "postgres://me:secret@127.0.0.1:1/db",
            "no connection to the database at 127.0.0.1:1: pool timed out",
        ),
        ("mysql://me:secret@db.invalid/db", "are the host and port of DATABASE_URL right?"),
        (&postgres.url("missing"), "are the user, password and database of DATABASE_URL right?"),
    ] {
        for ran in [migrate(&["--database-url", url], &[]), migrate(&[], &[("DATABASE_URL", url)])]
        {
            let said = text(&ran.stderr);
            assert_eq!((ran.status.code(), text(&ran.stdout)), (Some(1), ""), "{said}");
            assert!(said.starts_with("tickfold migrate: cannot") && said.contains(why), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
    let ran = migrate(&[], &[]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(text(&ran.stderr).contains("--database-url <URL>"), "{}", text(&ran.stderr));
    let help = migrate(&["--help"], &[("DATABASE_URL", "postgres://me:secret@host/db")]);
    assert!(!text(&help.stdout).contains("secret"), "{}", text(&help.stdout));
}
