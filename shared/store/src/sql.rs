//! The statements of each database, as they stand in `queries/`, `migrations/` and `roles/`; runs
//! none.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::Table;

pub(crate) struct Sql {
    bars: Rows,
    book_bars: Rows,
    pub(crate) bar_before: &'static str,
    pub(crate) gaps: &'static str,
    pub(crate) repairs: &'static str,
    pub(crate) put_repairs: &'static str,
    pub(crate) symbols: &'static str,
    pub(crate) audits: &'static str,
    pub(crate) put_audit: &'static str,
    /// 1 when nobody else changes tables or rights; none where a file's own lock is enough.
    pub(crate) lock: Option<&'static str>,
    pub(crate) roles: Option<Roles>,
    migrations: &'static [(i64, &'static str, &'static str)],
}

/// What writes and reads the rows of one table.
pub(crate) struct Rows {
    /// Run one after the other, each with the same rows; together they write each row once.
    pub(crate) put: &'static [&'static str],
    pub(crate) range: &'static str,
    pub(crate) series: &'static str,
    /// How many objects each row was folded from.
    pub(crate) objects: &'static str,
}

/// What the accounts of a server are made with.
pub(crate) struct Roles {
    pub(crate) make: &'static [&'static str],
    /// Not 0 where accounts can log in with IAM, and then what lets ours.
    pub(crate) iam_known: &'static str,
    pub(crate) iam: &'static str,
}

macro_rules! roles {
    ($folder:literal, [$($role:literal),+]) => {
        Some(Roles {
            make: &[$(include_str!(concat!("../roles/", $folder, "/", $role, ".sql"))),+],
            iam_known: include_str!(concat!("../roles/", $folder, "/iam_known.sql")),
            iam: include_str!(concat!("../roles/", $folder, "/iam.sql")),
        })
    };
}

/// The files of one database, so that a statement which one of them lacks is a compile error.
macro_rules! sql {
    (
        $name:ident: $folder:literal,
        [$($put:literal),+], [$($put_book:literal),+], [$($migration:literal $what:literal),+],
        $lock:expr, $roles:expr
    ) => {
        pub(crate) const $name: Sql = Sql {
            bars: Rows {
                put: &[$(include_str!(concat!("../queries/", $folder, "/", $put, ".sql"))),+],
                range: concat!(
                    include_str!(concat!("../queries/", $folder, "/bar.sql")),
                    include_str!(concat!("../queries/", $folder, "/bars.sql")),
                ),
                series: include_str!(concat!("../queries/", $folder, "/bar_series.sql")),
                objects: include_str!(concat!("../queries/", $folder, "/bar_objects.sql")),
            },
            book_bars: Rows {
                put: &[$(include_str!(concat!("../queries/", $folder, "/", $put_book, ".sql"))),+],
                range: include_str!(concat!("../queries/", $folder, "/book_bars.sql")),
                series: include_str!(concat!("../queries/", $folder, "/book_series.sql")),
                objects: include_str!(concat!("../queries/", $folder, "/book_bar_objects.sql")),
            },
            bar_before: concat!(
                include_str!(concat!("../queries/", $folder, "/bar.sql")),
                include_str!(concat!("../queries/", $folder, "/bar_before.sql")),
            ),
            gaps: include_str!(concat!("../queries/", $folder, "/gaps.sql")),
            repairs: include_str!(concat!("../queries/", $folder, "/repairs.sql")),
            put_repairs: include_str!(concat!("../queries/", $folder, "/put_repairs.sql")),
            symbols: include_str!(concat!("../queries/", $folder, "/symbols.sql")),
            audits: include_str!(concat!("../queries/", $folder, "/audits.sql")),
            put_audit: include_str!(concat!("../queries/", $folder, "/put_audit.sql")),
            lock: $lock,
            roles: $roles,
            migrations: &[$((
                $migration,
                $what,
                include_str!(concat!(
                    "../migrations/", $folder, "/000", $migration, "_", $what, ".sql"
                )),
            )),+],
        };
    };
}

sql!(
    POSTGRES: "postgres",
    ["put_bars"],
    ["put_book_bars"],
    [1 "bars", 2 "candles", 3 "minute_totals", 4 "book_bars", 5 "repairs", 6 "audits"],
    Some(include_str!("../migrations/postgres/lock.sql")),
    roles!("postgres", ["readonly", "writer"])
);
sql!(
    MYSQL: "mysql",
    ["put_new_bars", "put_newer_bars"],
    ["put_new_book_bars", "put_newer_book_bars"],
    // One statement each: none of them can be rolled back there.
    [1 "bars", 2 "candles", 3 "minute_totals", 4 "book_bars", 5 "repairs", 6 "audits"],
    Some(include_str!("../migrations/mysql/lock.sql")),
    roles!("mysql", ["readonly", "writer"])
);
// No views: their sums of decimals, which are text there, would be floats. And a file has no accounts.
#[cfg(feature = "sqlite")]
sql!(
    SQLITE: "sqlite",
    ["put_bars"],
    ["put_book_bars"],
    [1 "bars", 2 "decimals", 3 "book_bars", 4 "repairs", 5 "audits"],
    None,
    None
);

impl Sql {
    pub(crate) fn rows(&self, table: Table) -> &Rows {
        match table {
            Table::Bars => &self.bars,
            Table::BookBars => &self.book_bars,
        }
    }

    /// The newest migration that this version knows.
    pub(crate) fn version(&self) -> i64 {
        self.migrations.iter().map(|(version, _, _)| *version).max().unwrap_or_default()
    }

    /// What `sqlx::migrate!` would make, without compiling every driver a second time for a macro.
    pub(crate) fn migrator(&self) -> Migrator {
        let migrations = self.migrations.iter().map(|&(version, name, sql)| {
            let name = Cow::Borrowed(name);
            Migration::new(version, name, MigrationType::Simple, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect())
    }
}
