//! One feed: what an exchange's connection brings, decoded into trades and checked for missing
//! ids; keeps no connection itself, and knows nothing of Kafka.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use market::exchange::Message;
use market::trade::Ids;
use market::{Exchange, LineError, Seen, Sequence, Symbol, Time, Trade};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Report;
use crate::config::Feed;
use crate::venue::Terms;
use link::Link;
pub(crate) use pace::Pace;

mod link;
mod pace;

/// Unreadable frames that are logged within one minute; if an exchange changed its format, all of
/// its messages would be.
const LOGGED_REFUSALS: u32 = 10;
/// Bytes of an unreadable frame that are logged: a trade has some 200.
const LOGGED_BYTES: usize = 1_000;
/// A listed symbol without a trade for so long is rare, and exchanges say nothing of one that they
/// do not list.
const UNHEARD_AFTER: Duration = Duration::from_secs(10 * 60);

/// Reads until `stop`, and hands every trade on. Waits when `trades` is full: then the socket is
/// not read, and the exchange will close it, which shows as missing ids.
pub(crate) async fn run(
    feed: Feed,
    terms: Terms,
    pace: Arc<Pace>,
    trades: mpsc::Sender<Trade>,
    stop: CancellationToken,
) -> Report {
    let mut link = Link::open(&feed, terms, pace);
    let mut reader = Reader::new(feed, trades);
    loop {
        let frame = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            frame = link.frame() => frame,
        };
        match reader.read(frame).await {
            Heard::Data => link.heard(),
            Heard::Closing => link.renew("the exchange is about to close it"),
            Heard::Nothing => {}
            Heard::Deaf => break,
        }
    }
    link.close().await;
    Report { reconnects: link.reconnects(), ..reader.report }
}

/// What a frame was.
enum Heard {
    /// The stream lives.
    Data,
    Closing,
    Nothing,
    /// Nobody takes trades any more.
    Deaf,
}

struct Reader {
    exchange: Exchange,
    trades: mpsc::Sender<Trade>,
    /// Every symbol that was asked for, and any other that came.
    sequences: HashMap<Symbol, Sequence>,
    /// The receive time of the last frame.
    received: Option<Time>,
    refusals: Quota,
    unheard_at: Option<Instant>,
    report: Report,
}

impl Reader {
    fn new(feed: Feed, trades: mpsc::Sender<Trade>) -> Reader {
        Reader {
            exchange: feed.exchange,
            trades,
            sequences: feed.symbols.into_iter().map(|name| (name, Sequence::default())).collect(),
            received: None,
            refusals: Quota { left: LOGGED_REFUSALS, since: Instant::now() },
            unheard_at: Some(Instant::now() + UNHEARD_AFTER),
            report: Report::default(),
        }
    }

    async fn read(&mut self, frame: Frame) -> Heard {
        let text = match &frame {
            Frame::Text(text) => text.as_str(),
            Frame::Binary(bytes) => {
                return self.refuse(&String::from_utf8_lossy(bytes), &"a binary frame");
            }
            Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) | Frame::Frame(_) => {
                return Heard::Nothing;
            }
        };
        match self.decode(text) {
            Ok(Message::Trades(trades)) => self.hand_on(trades).await,
            Ok(Message::Partly { trades, refused }) => {
                self.refuse(text, &refused.join("; "));
                self.hand_on(trades).await
            }
            Ok(Message::Refused { why, .. }) => self.refuse(text, &why),
            Ok(Message::Closing) => Heard::Closing,
            // Nothing of these was asked for: the address subscribes to trades alone.
            Ok(
                Message::Books(_)
                | Message::Context(_)
                | Message::Heartbeat { .. }
                | Message::Ping { .. }
                | Message::Ack { .. }
                | Message::Other
                | Message::Unknown { .. },
            ) => Heard::Nothing,
            Err(why) => self.refuse(text, &why),
        }
    }

    fn decode(&mut self, text: &str) -> Result<Message, LineError> {
        // A clock that is set back to 1970 while this runs must not cost a trade: the receive time
        // decides nothing, so the last good one serves.
        let now = Time::from_micros(chrono::Utc::now().timestamp_micros());
        let received = now.or_else(|why| self.received.ok_or(why));
        let received = received.map_err(|why| market::trade::field_error("received", why))?;
        self.received = Some(received);
        self.exchange.decode(text, received)
    }

    async fn hand_on(&mut self, trades: Vec<Trade>) -> Heard {
        for trade in trades {
            self.observe(&trade);
            self.report.received += 1;
            if self.trades.send(trade).await.is_err() {
                return Heard::Deaf;
            }
        }
        self.name_unheard();
        Heard::Data
    }

    fn observe(&mut self, trade: &Trade) {
        let sequence = match self.sequences.get_mut(&trade.symbol) {
            Some(sequence) => sequence,
            None => self.sequences.entry(trade.symbol.clone()).or_default(),
        };
        let Ids::Range { first, last } = trade.ids else { return };
        match sequence.observe(first, last) {
            Seen::Next => {}
            Seen::Again => self.report.repeated += 1,
            Seen::Gap { missing } => {
                self.report.gaps += 1;
                self.report.missing_ids += missing;
                let (exchange, symbol) = (&trade.exchange, &trade.symbol);
                let (from, to) = (first - missing, first - 1);
                warn!(
                    %exchange, %symbol, missing, from, to,
                    "{exchange} {symbol}: {missing} trades are missing, ids {from} to {to}"
                );
            }
        }
    }

    /// An unreadable frame costs itself only; its bytes are kept in the log.
    fn refuse(&mut self, text: &str, why: &dyn std::fmt::Display) -> Heard {
        self.report.refused_frames += 1;
        let Some(left) = self.refusals.take(Instant::now()) else { return Heard::Data };
        let shown = &text[..text.floor_char_boundary(LOGGED_BYTES)];
        let cut = if shown.len() < text.len() { " (cut)" } else { "" };
        let last = if left == 0 { "; until the minute is over more are only counted" } else { "" };
        let exchange = self.exchange;
        warn!(%exchange, "{exchange}: unreadable frame: {why}: {shown:?}{cut}{last}");
        Heard::Data
    }

    /// Says once which symbols have brought nothing at all.
    fn name_unheard(&mut self) {
        if self.unheard_at.is_none_or(|at| Instant::now() < at) {
            return;
        }
        self.unheard_at = None;
        let silent = self.sequences.iter().filter(|(_, seen)| **seen == Sequence::default());
        let mut names: Vec<_> = silent.map(|(symbol, _)| symbol.as_str()).collect();
        names.sort_unstable();
        if !names.is_empty() {
            let (exchange, names) = (self.exchange, names.join(", "));
            let minutes = UNHEARD_AFTER.as_secs() / 60;
            warn!(
                %exchange, symbols = names,
                "{exchange}: no trade of {names} in {minutes} minutes; is it spelt as there?"
            );
        }
    }
}

/// A number of log lines a minute.
struct Quota {
    left: u32,
    since: Instant,
}

impl Quota {
    /// How many are left behind this one; `None` if this one is too many.
    fn take(&mut self, now: Instant) -> Option<u32> {
        if now - self.since >= Duration::from_secs(60) {
            *self = Quota { left: LOGGED_REFUSALS, since: now };
        }
        self.left = self.left.checked_sub(1)?;
        Some(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_refusals_a_minute_are_logged() {
        let start = Instant::now();
        let mut quota = Quota { left: LOGGED_REFUSALS, since: start };
        let mut take = |seconds| quota.take(start + Duration::from_secs(seconds));
        let taken: Vec<_> = (0..12).map(|_| take(59)).collect();
        assert_eq!(taken[..2], [Some(9), Some(8)]);
        assert_eq!(taken[9..], [Some(0), None, None]);
        assert_eq!(take(60), Some(9));
    }
}
