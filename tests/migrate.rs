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
