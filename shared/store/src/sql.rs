//! The statements of each database, as they stand in `queries/` and `migrations/`; runs none.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

pub(crate) struct Sql {
    pub(crate) put_bars: &'static str,
    pub(crate) bars: &'static str,
    pub(crate) bar_before: &'static str,
    pub(crate) symbols: &'static str,
    migrations: &'static [(i64, &'static str, &'static str)],
}

/// The files of one database, so that a statement which one of them lacks is a compile error.
macro_rules! sql {
    ($name:ident, $folder:literal) => {
        pub(crate) const $name: Sql = Sql {
            put_bars: include_str!(concat!("../queries/", $folder, "/put_bars.sql")),
            bars: include_str!(concat!("../queries/", $folder, "/bars.sql")),
            bar_before: include_str!(concat!("../queries/", $folder, "/bar_before.sql")),
            symbols: include_str!(concat!("../queries/", $folder, "/symbols.sql")),
            migrations: &[(
                1,
                "bars",
                include_str!(concat!("../migrations/", $folder, "/0001_bars.sql")),
            )],
        };
    };
}

sql!(POSTGRES, "postgres");
#[cfg(feature = "sqlite")]
sql!(SQLITE, "sqlite");

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
