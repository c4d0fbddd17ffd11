//! The half outside the network: asks the exchanges for their candles; knows of the rows only what
//! the half inside tells.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;
use futures_util::future::join_all;
use history::{Candles, History, HistoryError, Places};
use invoke::Half;
use market::gap::GRACE_MINUTES;
use market::{ExchangeName, Minute, Time};
use store::StoredAudit;
use tokio::time::Instant;

use crate::inside::{Inside, Question};
use crate::{Audited, Span};

/// What the program works with, built once.
#[derive(Debug)]
pub struct Outside {
    /// Who holds the rows against the candles.
    pub rows: Half<Inside>,
    /// Where exchanges are asked; one that is not there at its public places.
    pub places: BTreeMap<&'static str, Places>,
    /// How long one call may ask exchanges.
    pub time: Duration,
}

/// Why there is no audit.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("{to} is not over long enough: what is before {until} can be audited now")]
    NotOver { to: Minute, until: Minute },
    #[error(transparent)]
    Exchange(#[from] HistoryError),
    #[error(transparent)]
    Rows(anyhow::Error),
}

/// Minutes whose trades may still be on their way have no last word to compare.
pub fn check_over(to: Minute, now: Time) -> Result<(), AuditError> {
    let until = now.minute().plus(-GRACE_MINUTES);
    if to > until { Err(AuditError::NotOver { to, until }) } else { Ok(()) }
}

/// Audits the rows of a span, or of as much of it as its exchange still tells: from when on that is
/// the result says.
pub async fn audit(
    history: &History,
    rows: &Half<Inside>,
    mut span: Span,
    now: Time,
) -> Result<StoredAudit, AuditError> {
    check_over(span.to, now)?;
    let Candles { from, candles } = history.candles(&span.symbol, span.from, span.to).await?;
    span.from = from;
    rows.ask(Question::Compare { span, candles, now }).await.map_err(AuditError::Rows)
}

/// What one exchange's spans came to.
#[derive(Default)]
struct Tally {
    audits: Vec<StoredAudit>,
    /// What could not be asked for, and why not the first of it.
    unanswered: usize,
    why: Option<String>,
}

impl Outside {
    /// Audits all that is due. What is not answered is due again, and fails this call when all else
    /// is through and told of.
    pub async fn audit_due(&self, now: Time) -> anyhow::Result<Audited> {
        let end = Instant::now() + self.time;
        let due: Vec<Span> = self.rows.ask(Question::Due { now }).await?;
        let count = due.len();
        let mut exchanges: BTreeMap<ExchangeName, Vec<Span>> = BTreeMap::new();
        for span in due {
            exchanges.entry(span.exchange.clone()).or_default().push(span);
        }
        let all = exchanges.into_iter().map(|(name, spans)| self.audit_all(name, spans, now, end));
        let (mut audited, mut unanswered, mut reasons) = (Audited::default(), 0, Vec::new());
        for tally in join_all(all).await {
            tally.audits.iter().for_each(|audit| audited.count(audit));
            unanswered += tally.unanswered;
            reasons.extend(tally.why);
        }
        tell(&audited);
        let reasons = reasons.join("; ");
        ensure!(unanswered == 0, "{unanswered} of {count} spans are not audited: {reasons}");
        Ok(audited)
    }

    /// Audits spans of one exchange, one after the other.
    async fn audit_all(
        &self,
        name: ExchangeName,
        spans: Vec<Span>,
        now: Time,
        end: Instant,
    ) -> Tally {
        let mut tally = Tally::default();
        let history = match History::named(&name, &self.places) {
            Ok(history) => history,
            Err(why) => {
                let (unanswered, why) = (spans.len(), Some(why.to_string()));
                return Tally { unanswered, why, ..tally };
            }
        };
        let mut spans = spans.into_iter();
        while let Some(span) = spans.next() {
            let of = format!("{name} {}, {} to {}", span.symbol, span.from, span.to);
            let left = end.saturating_duration_since(Instant::now());
            let asked = tokio::time::timeout(left, audit(&history, &self.rows, span, now)).await;
            let (why, ends) = match asked {
                Ok(Ok(audit)) => {
                    tally.audits.push(audit);
                    continue;
                }
                // Whoever asks on is left without an answer for longer.
                Ok(Err(AuditError::Exchange(why))) => (why.to_string(), why.wait().is_some()),
                Ok(Err(why)) => (format!("{why:#}"), false),
                Err(_) => ("the time is up".to_owned(), true),
            };
            tally.unanswered += 1;
            tally.why.get_or_insert(format!("{of}: {why}"));
            if ends {
                tally.unanswered += spans.by_ref().count();
            }
        }
        tally
    }
}

impl Audited {
    fn count(&mut self, audit: &StoredAudit) {
        let found = &audit.found;
        if !found.agrees() {
            self.disagreeing += 1;
            let StoredAudit { exchange, symbol, from, to, .. } = audit;
            tracing::warn!("{exchange} {symbol}, {from} to {to}: the exchange says otherwise");
        }
        self.audited += 1;
        self.compared += found.compared;
        self.different += found.compared - found.equal;
        self.missing_here += found.missing_here_count;
        self.missing_there += found.missing_there_count;
    }
}

/// One line of log that metrics and alarms are made of (`terraform/alarms.tf`).
fn tell(audited: &Audited) {
    let Audited { audited, disagreeing, compared, different, missing_here, missing_there } =
        audited;
    tracing::info!(
        figures = "audited",
        audited,
        disagreeing,
        compared,
        different,
        missing_here,
        missing_there,
        "{audited} spans audited, in {disagreeing} of them something disagrees: of {compared} \
         minutes {different} differ, {missing_here} are missing here and {missing_there} there"
    );
}
