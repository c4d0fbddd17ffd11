//! What a feed's frames say: trades, checked for repetition and for missing ids, books, and what
//! the connection must be told; keeps no connection itself, and knows nothing of Kafka.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use market::exchange::Message;
use market::trade::Ids;
use market::{Exchange, LineError, Seen, Symbol, Time, Trade};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as Frame;
use tracing::warn;

use super::books::{Books, Outcome};
use super::track::Track;
use crate::Report;
use crate::board::Place;
use crate::config::Feed;
use crate::line::Line;
use crate::venue::Terms;

/// Unreadable frames that are logged within one minute; if an exchange changed its format, all of
/// its messages would be.
const LOGGED_REFUSALS: u32 = 10;
/// Bytes of an unreadable frame that are logged: a trade has some 200.
const LOGGED_BYTES: usize = 1_000;
/// A listed symbol without a trade for so long is rare, and exchanges say nothing of one that they
/// do not list.
const UNHEARD_AFTER: Duration = Duration::from_secs(10 * 60);

/// Kinds of unknown messages that are told apart; beyond them they are only counted.
const UNKNOWN_KINDS: usize = 100;

/// What a frame was.
pub(super) enum Heard {
    /// The stream lives.
    Data,
    Closing,
    /// The exchange wants to hear `answer`.
    Ping {
        answer: String,
    },
    Granted {
        request: Option<String>,
        channels: Vec<String>,
    },
    Refused {
        request: Option<String>,
        channel: Option<String>,
        why: String,
        text: String,
    },
    /// Books of these symbols are not known any more.
    Broken(Vec<Symbol>),
    Nothing,
    /// Nobody takes lines any more.
    Deaf,
}

pub(super) struct Reader {
    exchange: Exchange,
    place: Place,
    lines: mpsc::Sender<Line>,
    books: Option<Books>,
    /// Every symbol that was asked for, and any other that came.
    tracks: HashMap<Symbol, Track>,
    contiguous: bool,
    unknown: HashSet<String>,
    /// The receive time of the last frame.
    received: Option<Time>,
    refusals: Quota,
    unheard_at: Option<Instant>,
    report: Report,
}

impl Reader {
    pub(super) fn new(
        feed: &Feed,
        terms: &Terms,
        place: Place,
        lines: mpsc::Sender<Line>,
    ) -> Reader {
        Reader {
            exchange: feed.exchange,
            lines,
            books: Books::of(feed, place.clone()),
            place,
            tracks: feed.symbols.iter().map(|name| (name.clone(), Track::default())).collect(),
            contiguous: terms.contiguous,
            unknown: HashSet::new(),
            received: None,
            refusals: Quota { left: LOGGED_REFUSALS, since: Instant::now() },
            unheard_at: Some(Instant::now() + UNHEARD_AFTER),
            report: Report::default(),
        }
    }

    pub(super) async fn read(&mut self, frame: Frame) -> Heard {
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
            Ok(Message::Heartbeat { newest: Some((symbol, id)) }) => {
                self.announce(symbol, id).await
            }
            Ok(Message::Books(updates)) => {
                let outcome = self.books.as_mut().map(|books| books.apply(updates));
                self.hand_on_books(outcome.unwrap_or_default()).await
            }
            Ok(Message::Ping { answer }) => Heard::Ping { answer },
            Ok(Message::Ack { request, channels }) => Heard::Granted { request, channels },
            Ok(Message::Refused { request, channel, why }) => {
                Heard::Refused { request, channel, why, text: text.to_owned() }
            }
            Ok(Message::Closing) => Heard::Closing,
            Ok(Message::Unknown { kind }) => self.wonder(kind, text),
            Ok(Message::Context(news)) => {
                self.received.into_iter().for_each(|at| self.place.context(&news, at));
                Heard::Nothing
            }
            // Of the connection's life a heartbeat without an id says no more than a ping.
            Ok(Message::Heartbeat { newest: None } | Message::Other) => Heard::Nothing,
            Err(why) => self.refuse(text, &why),
        }
    }

    /// The connection is another one, or none: what is known of books was the old one's.
    pub(super) fn switched(&mut self) -> Heard {
        if let (Ok(now), Some(books)) = (self.now(), &mut self.books) {
            books.reset(now);
        }
        Heard::Nothing
    }

    /// A little time has passed.
    pub(super) async fn look_around(&mut self) -> Heard {
        self.place.report(self.report);
        let Ok(now) = self.now() else { return Heard::Nothing };
        let outcome = self.books.as_mut().map(|books| books.advance(now));
        self.hand_on_books(outcome.unwrap_or_default()).await
    }

    async fn hand_on_books(&mut self, Outcome { lines, broken }: Outcome) -> Heard {
        for line in lines {
            self.report.book_lines += 1;
            if self.lines.send(Line::Book(Box::new(line))).await.is_err() {
                return Heard::Deaf;
            }
        }
        self.report.broken_books += broken.len() as u64;
        if broken.is_empty() { Heard::Nothing } else { Heard::Broken(broken) }
    }

    fn decode(&mut self, text: &str) -> Result<Message, LineError> {
        let received = self.now()?;
        self.exchange.decode(text, received)
    }

    fn now(&mut self) -> Result<Time, LineError> {
        // A clock that is set back to 1970 while this runs must not cost a trade: the receive time
        // decides nothing, so the last good one serves.
        let now = Time::from_micros(chrono::Utc::now().timestamp_micros());
        let received = now.or_else(|why| self.received.ok_or(why));
        let received = received.map_err(|why| market::trade::field_error("received", why))?;
        self.received = Some(received);
        Ok(received)
    }

    async fn hand_on(&mut self, trades: Vec<Trade>) -> Heard {
        for trade in trades {
            if !self.is_wanted(&trade) {
                continue;
            }
            self.report.received += 1;
            self.place.trade(&trade);
            if self.lines.send(Line::Trade(trade)).await.is_err() {
                return Heard::Deaf;
            }
        }
        self.name_unheard();
        Heard::Data
    }

    /// Notes a trade's ids; `false` if it is a repetition that is dropped.
    fn is_wanted(&mut self, trade: &Trade) -> bool {
        let track = match self.tracks.get_mut(&trade.symbol) {
            Some(track) => track,
            None => self.tracks.entry(trade.symbol.clone()).or_default(),
        };
        if track.repeats(&trade.ids) {
            self.report.repeated += 1;
            return false;
        }
        if let (Seen::Gap { missing }, Ids::Range { first, .. }) =
            (track.observe(&trade.ids), &trade.ids)
        {
            self.miss(&trade.symbol, missing, first - 1);
        }
        true
    }

    /// The exchange says what the newest trade is: one that did not come is missing.
    async fn announce(&mut self, symbol: Symbol, newest: u64) -> Heard {
        let Some(received) = self.received else { return Heard::Nothing };
        if let Seen::Gap { missing } =
            self.tracks.entry(symbol.clone()).or_default().announce(newest)
        {
            self.miss(&symbol, missing, newest);
            let outcome = self.books.as_mut().map(|books| books.doubt(&symbol, received));
            return self.hand_on_books(outcome.unwrap_or_default()).await;
        }
        Heard::Data
    }

    fn miss(&mut self, symbol: &Symbol, missing: u64, to: u64) {
        self.report.gaps += 1;
        self.report.missing_ids += missing;
        let (exchange, from) = (self.exchange, to + 1 - missing);
        warn!(
            %exchange, %symbol, missing, from, to,
            "{exchange} {symbol}: {missing} trades are missing, ids {from} to {to}"
        );
    }

    /// The connection broke.
    pub(super) fn broke(&mut self) {
        if self.contiguous {
            return;
        }
        self.report.unproven += 1;
        let exchange = self.exchange;
        warn!(
            %exchange,
            "{exchange}: trades may be missing since the connection broke; its ids cannot tell"
        );
    }

    /// A message that nobody knows is logged once of each kind.
    fn wonder(&mut self, kind: String, text: &str) -> Heard {
        self.report.unknown += 1;
        if self.unknown.len() < UNKNOWN_KINDS && !self.unknown.contains(&kind) {
            let exchange = self.exchange;
            let shown = &text[..text.floor_char_boundary(LOGGED_BYTES)];
            warn!(%exchange, kind, "{exchange}: a message of an unknown kind, {kind}: {shown:?}");
            self.unknown.insert(kind);
        }
        Heard::Nothing
    }

    pub(super) fn finish(self) -> Report {
        self.report
    }

    /// An unreadable frame costs itself only; its bytes are kept in the log.
    pub(super) fn refuse(&mut self, text: &str, why: &dyn std::fmt::Display) -> Heard {
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
        let silent = self.tracks.iter().filter(|(_, track)| !track.was_heard());
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
