//! What came of comparing bars with an exchange's own candles, as it is kept; compares nothing.

use market::{Audit, ExchangeName, Minute, Symbol, Time};
use serde::{Deserialize, Serialize};

use crate::{Pool, Range, Store, StoreError, on, sql};

/// One span of one symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAudit {
    pub exchange: ExchangeName,
    pub symbol: Symbol,
    /// `from <= minute < to`.
    pub from: Minute,
    pub to: Minute,
    pub audited_at: Time,
    pub found: Audit,
}

impl Store {
    /// Writes an audit, unless one that begins at the same minute and goes further is there, or a
    /// later one of the same minutes.
    pub async fn put_audit(&self, audit: &StoredAudit) -> Result<(), StoreError> {
        let found = serde_json::to_string(&audit.found)?;
        let Audit { compared, equal, missing_here_count, missing_there_count, .. } = &audit.found;
        let counts = [compared, equal, missing_here_count, missing_there_count];
        on!(self, |mut connection, sql| {
            let mut query = sqlx::query(sql.put_audit)
                .bind(audit.exchange.as_str())
                .bind(audit.symbol.as_str())
                .bind(audit.from.to_string())
                .bind(audit.to.to_string());
            for count in counts {
                query = query.bind(count.cast_signed());
            }
            let query = query.bind(&found).bind(audit.audited_at.to_string());
            query.execute(&mut *connection).await?;
            Ok(())
        })
    }

    /// Audits of a symbol that begin within a range, in order of time.
    pub async fn audits(&self, range: &Range) -> Result<Vec<StoredAudit>, StoreError> {
        self.select(|sql| sql.audits, range).await
    }
}
