//! The half inside the network: tells which spans are due, holds rows against candles, and keeps
//! what comes of it; asks no exchange.

use invoke::Answers;
use market::{Bar, Candle, Exchange, Minute, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Range, Store, StoredAudit, StoredSymbol};

use crate::{Span, plan};

/// Audits of three days that are read: nine of a symbol, and some of parts of those.
const MAX_AUDITS: u32 = 1_000;
/// Spans that one call is told of: more would not end in its time, and Lambda's answer has 6 MB.
const MAX_DUE: usize = 5_000;

/// A database of rows.
#[derive(Debug, Clone)]
pub struct Inside {
    pub store: Store,
}

/// What the other half asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub enum Question {
    /// Which spans are to be audited now: those that never were go first.
    Due { now: Time },
    /// Holds the rows of a span against its candles, and keeps what comes of it: `StoredAudit`.
    Compare { span: Span, candles: Vec<Candle>, now: Time },
}

impl Answers for Inside {
    type Question = Question;

    async fn answer(&self, question: Question) -> anyhow::Result<Value> {
        Ok(match question {
            Question::Due { now } => serde_json::to_value(self.due(now).await?)?,
            Question::Compare { span, candles, now } => {
                serde_json::to_value(self.compare(span, &candles, now).await?)?
            }
        })
    }
}

impl Inside {
    async fn due(&self, now: Time) -> anyhow::Result<Vec<Span>> {
        let (mut fresh, mut again) = (Vec::new(), Vec::new());
        for recorded in self.store.symbols().await? {
            let StoredSymbol { exchange, symbol, .. } = &recorded;
            // Rows of others, such as of a research of one's own, have no candles.
            let Ok(known) = exchange.as_str().parse::<Exchange>() else { continue };
            let range = Range {
                exchange: exchange.clone(),
                symbol: symbol.clone(),
                from: plan::since(known, now),
                to: Minute::MAX,
                limit: MAX_AUDITS,
            };
            let audits = self.store.audits(&range).await?;
            for (span, is_fresh) in plan::due(known, &recorded, &audits, now) {
                if is_fresh { &mut fresh } else { &mut again }.push(span);
            }
        }
        fresh.append(&mut again);
        fresh.truncate(MAX_DUE);
        Ok(fresh)
    }

    async fn compare(
        &self,
        span: Span,
        candles: &[Candle],
        now: Time,
    ) -> anyhow::Result<StoredAudit> {
        let Span { exchange, symbol, from, to } = span;
        let known = exchange.as_str().parse::<Exchange>();
        let known = known.map_err(|_| anyhow::anyhow!("{exchange} is no exchange known here"))?;
        let limit = u32::try_from(to.since(from))?;
        let range = Range { exchange, symbol, from, to, limit };
        let bars: Vec<Bar> = self.store.bars(&range).await?.into_iter().map(|it| it.bar).collect();
        let found = market::audit(known, &bars, candles);
        let Range { exchange, symbol, .. } = range;
        let audit = StoredAudit { exchange, symbol, from, to, audited_at: now, found };
        self.store.put_audit(&audit).await?;
        Ok(audit)
    }
}
