//! Keeps one feed connected: connects, subscribes, watches, replaces before the exchange ends it;
//! passes frames on unread.

use std::future::pending;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tracing::{error, info, warn};

use super::connect::{Connector, Socket, close, say};
use super::pace::Pace;
use super::talk::{Complaint, Talk};
use crate::config::Feed;
use crate::venue::{Subscription, Terms};

/// A connection that held for so long was a good one: the next failure is a first one again.
const STABLE: Duration = Duration::from_secs(60);
/// How often the time-outs are looked at; they are seconds.
const TICK: Duration = Duration::from_millis(250);
/// A socket that always has something to say must not keep us from saying that we are there.
const SPEAK_WITHIN: Duration = Duration::from_secs(2);
/// Feeds are renewed up to this part of the age later, so that they do not all go at once.
const RENEW_JITTER: f64 = 0.02;

/// A connection that is always there, or being made.
pub(super) struct Link {
    feed: Feed,
    connector: Arc<Connector>,
    subscription: Option<Subscription>,
    current: Option<Connection>,
    next: Next,
    /// Attempts to connect since a connection was last stable.
    attempts: u32,
    opened: u64,
    breaks: u64,
    /// The next frame is not of the connection that the last one was of.
    switched: bool,
    refused_channels: u64,
    tick: Interval,
    /// When it was last looked what is to be said.
    spoke: Instant,
    /// When something was last passed on.
    passed: Instant,
}

/// What a link has to tell.
pub(super) enum Told {
    Frame(Frame),
    /// The next frame is another connection's.
    Switched,
    /// A little time has passed.
    Tick,
}

struct Connection {
    socket: Socket,
    opened: Instant,
    /// When it last brought data, or could not because nobody read.
    heard: Instant,
    renew_at: Instant,
    talk: Option<Box<Talk>>,
}

/// What comes after the current connection.
enum Next {
    Unneeded,
    Opening(BoxFuture<'static, (Socket, u32)>),
    /// Open, and not yet read: read at the same time as the old one it would seem to skip what
    /// that one has not brought yet. What it brings meanwhile waits in the socket.
    Waiting {
        connection: Connection,
        since: Instant,
    },
}

enum Event {
    Read(Option<Result<Frame, Error>>),
    Opened((Socket, u32)),
    Tick,
}

impl Link {
    pub(super) fn open(feed: &Feed, terms: Terms, pace: Arc<Pace>) -> Link {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let Terms { url, max_message, subscription, .. } = terms;
        let connector = Arc::new(Connector { name: name(feed), url, max_message, pace });
        let mut link = Link {
            feed: feed.clone(),
            connector,
            subscription,
            current: None,
            next: Next::Unneeded,
            attempts: 0,
            opened: 0,
            breaks: 0,
            switched: false,
            refused_channels: 0,
            tick,
            spoke: Instant::now(),
            passed: Instant::now(),
        };
        link.connect();
        link
    }

    pub(super) fn reconnects(&self) -> u64 {
        self.opened.saturating_sub(1)
    }

    /// Times when a connection was lost, or silent too long, before its successor was open.
    pub(super) fn breaks(&self) -> u64 {
        self.breaks
    }

    /// How often a channel was refused or left unanswered.
    pub(super) fn refused_channels(&self) -> u64 {
        self.refused_channels
    }

    /// What happens next; connects as often as it must. Loses no frame when it is dropped.
    pub(super) async fn next(&mut self) -> Told {
        self.forgive_waiting();
        let told = self.wait().await;
        self.passed = Instant::now();
        told
    }

    async fn wait(&mut self) -> Told {
        loop {
            if self.spoke.elapsed() >= SPEAK_WITHIN {
                self.speak().await;
            }
            // Reading goes first: with the tick it would otherwise be decided that the old
            // connection is dispensable while it still has something to say.
            let event = tokio::select! {
                biased;
                read = read(&mut self.current) => Event::Read(read),
                opened = opened(&mut self.next) => Event::Opened(opened),
                _ = self.tick.tick() => Event::Tick,
            };
            let ticked = matches!(event, Event::Tick);
            match event {
                Event::Read(Some(Ok(Frame::Close(Some(close))))) => {
                    let (code, reason) = (close.code, close.reason);
                    self.lost(&format!("the exchange closed it: {code} {reason:?}"));
                }
                Event::Read(Some(Ok(Frame::Close(None)))) => self.lost("the exchange closed it"),
                Event::Read(Some(Ok(frame))) => return Told::Frame(frame),
                Event::Read(Some(Err(error))) => self.lost(&error.to_string()),
                Event::Read(None) => self.lost("it ended"),
                Event::Opened((socket, attempts)) => {
                    self.take_in(socket, attempts);
                    self.speak().await;
                }
                Event::Tick => {
                    self.look_around();
                    self.speak().await;
                }
            }
            if mem::take(&mut self.switched) {
                return Told::Switched;
            }
            if ticked {
                return Told::Tick;
            }
        }
    }

    /// The current connection has brought data.
    pub(super) fn heard(&mut self) {
        if let Some(current) = &mut self.current {
            current.heard = Instant::now();
        }
    }

    /// Opens the current connection's successor, and reads on meanwhile.
    pub(super) fn renew(&mut self, why: &str) {
        if matches!(self.next, Next::Unneeded) {
            info!("{}: the connection is being replaced: {why}", self.connector.name);
            self.connect();
        }
    }

    /// The exchange wants to hear this at once.
    pub(super) async fn answer(&mut self, text: String) {
        let Some(current) = &mut self.current else { return };
        if let Err(why) = say(&mut current.socket, text).await {
            // The next read says so too.
            warn!("{}: its ping could not be answered: {why}", self.connector.name);
        }
    }

    pub(super) fn granted(&mut self, request: Option<&str>, channels: &[String]) {
        let Some(talk) = self.talk() else { return };
        let complaints = talk.granted(request, channels, Instant::now(), rand::random());
        self.complain(complaints);
    }

    /// Whether it was the answer to anything.
    pub(super) fn refused(
        &mut self,
        request: Option<&str>,
        channel: Option<&str>,
        why: &str,
    ) -> bool {
        let Some(talk) = self.talk() else { return false };
        let refused = talk.refused(request, channel, why, Instant::now(), rand::random());
        let Some(complaints) = refused else { return false };
        self.complain(complaints);
        true
    }

    /// Subscribes the books of these symbols anew.
    pub(super) fn again(&mut self, symbols: &[market::Symbol]) {
        let Some(talk) = self.talk() else { return };
        symbols.iter().for_each(|symbol| talk.again(symbol, Instant::now()));
    }

    /// Says goodbye, and waits a little for the answer.
    pub(super) async fn close(&mut self) {
        let waiting = match mem::replace(&mut self.next, Next::Unneeded) {
            Next::Waiting { connection, .. } => Some(connection),
            Next::Unneeded | Next::Opening(_) => None,
        };
        let open = self.current.take().into_iter().chain(waiting);
        futures_util::future::join_all(open.map(|connection| close(connection.socket))).await;
    }

    /// Time in which the last frame could not be handed on is nobody's silence, and no overlap: the
    /// old connection may have much to bring yet.
    fn forgive_waiting(&mut self) {
        if self.passed.elapsed() < TICK {
            return;
        }
        let now = Instant::now();
        if let Some(current) = &mut self.current {
            current.heard = now;
            current.talk.iter_mut().for_each(|talk| talk.forgive(now));
        }
        if let Next::Waiting { since, .. } = &mut self.next {
            *since = now;
        }
    }

    fn connect(&mut self) {
        if self.current.as_ref().is_some_and(|current| current.opened.elapsed() >= STABLE) {
            self.attempts = 0;
        }
        self.next = Next::Opening(Arc::clone(&self.connector).connect(self.attempts).boxed());
    }

    fn take_in(&mut self, socket: Socket, attempts: u32) {
        let now = Instant::now();
        self.attempts = attempts;
        self.opened += 1;
        let renew = self.feed.renew.mul_f64(1.0 + RENEW_JITTER * rand::random::<f64>());
        let talk = self.subscription.clone();
        let talk = talk.map(|terms| Box::new(Talk::new(terms, self.feed.answer_within, now)));
        let connection =
            Connection { socket, opened: now, heard: now, renew_at: now + renew, talk };
        if self.current.is_some() {
            self.next = Next::Waiting { connection, since: now };
        } else {
            self.current = Some(connection);
            self.next = Next::Unneeded;
        }
    }

    fn lost(&mut self, why: &str) {
        self.switched = true;
        warn!("{}: connection lost: {why}", self.connector.name);
        match mem::replace(&mut self.next, Next::Unneeded) {
            Next::Unneeded => {
                self.breaks += 1;
                self.connect();
            }
            Next::Waiting { connection, .. } => return self.switch(connection),
            opening @ Next::Opening(_) => {
                self.breaks += 1;
                self.next = opening;
            }
        }
        close_behind(self.current.take());
    }

    fn switch(&mut self, mut connection: Connection) {
        self.switched = true;
        let now = Instant::now();
        connection.heard = now;
        connection.talk.iter_mut().for_each(|talk| talk.forgive(now));
        close_behind(self.current.replace(connection));
    }

    fn look_around(&mut self) {
        let now = Instant::now();
        if let Next::Waiting { connection, since } = &mut self.next {
            // Only what it was asked for can it bring.
            if connection.talk.as_ref().is_some_and(|talk| talk.is_unsaid()) {
                *since = now;
            } else if now - *since >= self.feed.overlap
                && let Next::Waiting { connection, .. } =
                    mem::replace(&mut self.next, Next::Unneeded)
            {
                return self.switch(connection);
            }
        }
        let Some(current) = &self.current else { return };
        // A silent connection is kept till its successor is there: its market may be quiet.
        if now - current.heard >= self.feed.silence {
            self.breaks += u64::from(matches!(self.next, Next::Unneeded));
            self.renew(&format!("no trade for {} s", self.feed.silence.as_secs()));
        } else if now >= current.renew_at {
            self.renew("the exchange would end it soon");
        }
    }

    fn talk(&mut self) -> Option<&mut Talk> {
        self.current.as_mut()?.talk.as_deref_mut()
    }

    fn complain(&mut self, complaints: Vec<Complaint>) {
        for Complaint { channel, why, again } in complaints {
            self.refused_channels += 1;
            let (name, seconds) = (&self.connector.name, again.as_secs_f64());
            error!(channel, "{name}: no {channel}: {why}; it is asked for again in {seconds:.1} s");
        }
    }

    /// Says what is due on both connections.
    async fn speak(&mut self) {
        let now = Instant::now();
        self.spoke = now;
        if let Next::Waiting { connection, .. } = &mut self.next
            && let Some(text) = connection.talk.as_mut().and_then(|talk| talk.next(now))
            && let Err(why) = say(&mut connection.socket, text).await
        {
            warn!("{}: the new connection is lost: {why}", self.connector.name);
            self.connect();
        }
        let Some(current) = &mut self.current else { return };
        let Some(talk) = &mut current.talk else { return };
        let (text, complaints) = (talk.next(now), talk.overdue(now, rand::random()));
        let lost = match text {
            Some(text) => say(&mut current.socket, text).await.err(),
            None => None,
        };
        self.complain(complaints);
        if let Some(why) = lost {
            self.lost(&why);
        }
    }
}

/// What a feed is called in the log.
fn name(feed: &Feed) -> String {
    let first = feed.symbols.first().map_or("", market::Symbol::as_str);
    match feed.symbols.len() {
        0 | 1 => format!("{} {first}", feed.exchange),
        count => format!("{} {first} and {} more", feed.exchange, count - 1),
    }
}

async fn read(current: &mut Option<Connection>) -> Option<Result<Frame, Error>> {
    match current {
        // A ping is answered inside: its pong is flushed by the next call, which follows at once.
        Some(connection) => connection.socket.next().await,
        None => pending().await,
    }
}

async fn opened(next: &mut Next) -> (Socket, u32) {
    match next {
        Next::Opening(opening) => opening.await,
        Next::Unneeded | Next::Waiting { .. } => pending().await,
    }
}

fn close_behind(connection: Option<Connection>) {
    if let Some(connection) = connection {
        tokio::spawn(close(connection.socket));
    }
}

#[cfg(test)]
mod tests;
