//! One feed: one exchange's connection on one side, lines on the other; what the connection is
//! told follows from what it brings. Knows nothing of Kafka.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Report;
use crate::board::Place;
use crate::config::Feed;
use crate::line::Line;
use crate::venue::Terms;
use link::{Link, Told};
pub(crate) use pace::Pace;
use reader::{Heard, Reader};

mod books;
mod connect;
mod link;
mod pace;
mod reader;
mod talk;
mod track;

/// What is said to each new connection, word for word.
pub(crate) fn plan(terms: &Terms) -> Vec<String> {
    let subscription = terms.subscription.clone();
    subscription.map_or(vec![], |terms| talk::Talk::plan(terms, Instant::now()))
}

/// Reads until `stop`, and hands every line on. Waits when `lines` is full: then the socket is
/// not read, and the exchange will close it, which shows as missing ids.
pub(crate) async fn run(
    feed: Feed,
    terms: Terms,
    pace: Arc<Pace>,
    place: Place,
    lines: mpsc::Sender<Line>,
    stop: CancellationToken,
) -> Report {
    let mut reader = Reader::new(&feed, &terms, place, lines);
    let mut link = Link::open(&feed, terms, pace);
    let mut breaks = 0;
    loop {
        let told = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            told = link.next() => told,
        };
        if link.breaks() > breaks {
            breaks = link.breaks();
            reader.broke();
        }
        let heard = match told {
            Told::Frame(frame) => reader.read(frame).await,
            Told::Switched => reader.switched(),
            Told::Tick => reader.look_around().await,
        };
        match heard {
            Heard::Data => link.heard(),
            Heard::Closing => link.renew("the exchange is about to close it"),
            Heard::Ping { answer } => link.answer(answer).await,
            Heard::Granted { request, channels } => link.granted(request.as_deref(), &channels),
            Heard::Refused { request, channel, why, text } => {
                if !link.refused(request.as_deref(), channel.as_deref(), &why) {
                    reader.refuse(&text, &why);
                }
            }
            Heard::Broken(symbols) => link.again(&symbols),
            Heard::Nothing => {}
            Heard::Deaf => break,
        }
    }
    link.close().await;
    let report = reader.finish();
    Report { reconnects: link.reconnects(), refused_channels: link.refused_channels(), ..report }
}
