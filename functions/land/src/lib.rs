//! The `land` function: a batch of a Kinesis stream -> the objects that Vector would have written
//! of the same lines; checks no more of a line than where it belongs, and folds nothing.
//!
//! Objects are named by what they hold, so that a batch that is delivered again writes the same
//! ones. A line that belongs nowhere is kept under `dead/`, and holds nothing up.

mod event;
mod place;

use std::collections::BTreeMap;

use aws_lambda_events::streams::KinesisEventResponse;
use futures_util::StreamExt;
use futures_util::stream;
use lake::{DeadLine, Lake};
use tracing::{error, info, warn};

pub use event::Event;
use event::Record;
use place::Place;

/// Objects that are written at a time. A batch has a few, unless it is one of very late lines.
const WRITTEN_AT_ONCE: usize = 8;

/// The lines of one object.
#[derive(Default)]
struct Object {
    /// Places in the batch of its first and its last record.
    records: (usize, usize),
    lines: Vec<u8>,
    dead: Vec<DeadLine>,
}

/// Writes what the batch holds. The answer names the record from which on it is to be delivered
/// again, if it is.
pub async fn handle(lake: &Lake, event: Event) -> anyhow::Result<KinesisEventResponse> {
    let records = &event.records;
    let mut objects = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        take(&mut objects, at, record)?;
    }
    let count = objects.len();
    let written = stream::iter(&objects).map(async |(place, object)| {
        let written = write(lake, place, object, records).await;
        written.inspect_err(|error| error!("will be retried: {error:#}")).is_ok()
    });
    let written: Vec<bool> = written.buffered(WRITTEN_AT_ONCE).collect().await;
    let spans = || objects.values().map(|object| object.records);
    let failed =
        spans().zip(&written).filter(|(_, written)| !**written).map(|((first, _), _)| first);
    let mut response = KinesisEventResponse::default();
    if let Some(retry) = failed.min().map(|first| uncut(first, spans())) {
        response.add_failure(records[retry].sequence_number());
    }
    info!(records = records.len(), objects = count, "{} records in {count} objects", records.len());
    Ok(response)
}

fn take(objects: &mut BTreeMap<Place, Object>, at: usize, record: &Record) -> anyhow::Result<()> {
    let arrival = record.arrival()?;
    for (line, place) in place::lines(record.data(), arrival) {
        let (place, reason) = match place {
            Ok(minute) => (Place::Minute(minute), None),
            Err(reason) => (Place::Dead(arrival.minute().date_and_clock().0), Some(reason)),
        };
        let start = || Object { records: (at, at), ..Object::default() };
        let object = objects.entry(place).or_insert_with(start);
        object.records.1 = at;
        match reason {
            None => {
                object.lines.extend_from_slice(&line);
                object.lines.push(b'\n');
            }
            Some(reason) => {
                object.dead.push(DeadLine { origin: record.id().to_owned(), reason, line });
            }
        }
    }
    Ok(())
}

async fn write(
    lake: &Lake,
    place: &Place,
    object: &Object,
    records: &[Record],
) -> anyhow::Result<()> {
    // In a shard the first record and their number tell which ones they are.
    let (first, last) = object.records;
    let (count, first) = (last - first + 1, &records[first]);
    let name = format!("{}-{}-{count}", first.shard(), first.sequence_number());
    match place {
        Place::Minute(minute) => {
            lake.put_lines(minute, &name, &object.lines).await?;
        }
        Place::Dead(date) => {
            let key = lake.bury(date, &name, &object.dead).await?;
            let (count, reason) = (object.dead.len(), &object.dead[0].reason);
            warn!(count, "{count} lines belong nowhere and are kept in {key}; the first: {reason}");
        }
    }
    Ok(())
}

/// The last record up to `from` behind which no object is cut in two: only whole objects are
/// written again, under the same names.
fn uncut(mut from: usize, spans: impl Iterator<Item = (usize, usize)>) -> usize {
    let mut spans: Vec<_> = spans.collect();
    // Whatever is reached later begins earlier.
    spans.sort_unstable_by_key(|(first, _)| std::cmp::Reverse(*first));
    loop {
        let cut = spans.iter().find(|(first, last)| *first < from && from <= *last);
        match cut {
            Some((first, _)) => from = *first,
            None => return from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_begins_where_no_object_is_cut_in_two() {
        let from = |from, spans: &[(usize, usize)]| uncut(from, spans.iter().copied());
        assert_eq!(from(5, &[(0, 4), (5, 9)]), 5);
        assert_eq!(from(5, &[(0, 5), (5, 9)]), 0);
        assert_eq!(from(7, &[(0, 2), (3, 5), (4, 8), (7, 9)]), 3);
        assert_eq!(from(7, &[(0, 3), (3, 5), (4, 8), (7, 9)]), 0);
        assert_eq!(from(0, &[(0, 9)]), 0);
    }
}
