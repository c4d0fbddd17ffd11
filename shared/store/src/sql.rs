//! The statements of each database, as they stand in `queries/` and `migrations/`; runs none.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

pub(crate) struct Sql {
    /// Run one after the other, each with the same bars; together they write each bar once.
    pub(crate) put_bars: &'static [&'static str],
    pub(crate) bars: &'static str,
    pub(crate) bar_before: &'static str,
    pub(crate) symbols: &'static str,
    migrations: &'static [(i64, &'static str, &'static str)],
}

/// The files of one database, so that a statement which one of them lacks is a compile error.
macro_rules! sql {
    ($name:ident: $folder:literal, [$($put:literal),+], [$($migration:literal $what:literal),+]) => {
        pub(crate) const $name: Sql = Sql {
            put_bars: &[$(include_str!(concat!("../queries/", $folder, "/", $put, ".sql"))),+],
            bars: concat!(
                include_str!(concat!("../queries/", $folder, "/bar.sql")),
                include_str!(concat!("../queries/", $folder, "/bars.sql")),
            ),
            bar_before: concat!(
                include_str!(concat!("../queries/", $folder, "/bar.sql")),
                include_str!(concat!("../queries/", $folder, "/bar_before.sql")),
            ),
            symbols: include_str!(concat!("../queries/", $folder, "/symbols.sql")),
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

sql!(POSTGRES: "postgres", ["put_bars"], [1 "bars", 2 "candles", 3 "minute_totals"]);
sql!(
    MYSQL: "mysql",
    ["put_new_bars", "put_newer_bars"],
    // One statement each: none of them can be rolled back there.
    [1 "bars", 2 "candles", 3 "minute_totals"]
);
// No views: their sums of decimals, which are text there, would be floats.
#[cfg(feature = "sqlite")]
sql!(SQLITE: "sqlite", ["put_bars"], [1 "bars", 2 "decimals"]);

impl Sql {
    /// What `sqlx::migrate!` would make, without compiling every driver a second time for a macro.
    pub(crate) fn migrator(&self) -> Migrator {
        let migrations = self.migrations.iter().map(|&(version, name, sql)| {
            let name = Cow::Borrowed(name);
            Migration::new(version, name, MigrationType::Simple, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect())
    }
}
