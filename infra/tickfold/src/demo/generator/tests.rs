//! What the simulated market holds to, whatever is drawn.

use super::super::instruments::INSTRUMENTS;
use super::*;

const DAY: usize = 1_440;

fn tape(instrument: usize) -> Tape {
    let anchor = "2026-11-20T12:00:00Z".parse().expect("minute");
    Tape::new(&INSTRUMENTS[instrument], 7, anchor)
}

fn trades(records: &[Record]) -> Vec<&Aggregate> {
    let trades = records.iter().filter_map(|record| match record {
        Record::Trade(trade) => Some(trade),
        Record::Tombstone { .. } => None,
    });
    trades.collect()
}

#[test]
fn ids_are_contiguous_times_ascend_and_numbers_are_positive() {
    for instrument in 0..INSTRUMENTS.len() {
        let mut tape = tape(instrument);
        let start_ms = tape.anchor_ms;
        let records: Vec<Record> = (0..DAY).flat_map(|minute| tape.minute(minute)).collect();
        for pair in records.windows(2) {
            assert_eq!(pair[0].id() + 1, pair[1].id());
            assert!(pair[0].time_ms() <= pair[1].time_ms(), "{pair:?}");
        }
        let trades = trades(&records);
        for pair in trades.windows(2) {
            assert_eq!(pair[0].last_raw_id + 1, pair[1].first_raw_id);
        }
        assert!(trades.iter().all(|trade| trade.price.0 > 0 && trade.size.0 > 0));
        assert!(trades.iter().all(|trade| trade.first_raw_id <= trade.last_raw_id));
        assert!(records.iter().all(|record| record.time_ms() >= start_ms));
        let each = trades.len() / DAY;
        assert!((20..=60).contains(&each), "{each} trades a minute");
        assert!(trades.len() < records.len(), "a day has a tombstone");
        let sold = trades.iter().filter(|trade| trade.buyer_is_maker).count();
        assert!(sold * 3 > trades.len() && sold * 3 < trades.len() * 2, "{sold} sold");
    }
}

#[test]
fn the_same_minute_reads_the_same_from_any_starting_point() {
    let (mut forward, mut late) = (tape(0), tape(0));
    let before: Vec<Vec<Record>> = (0..300).map(|minute| forward.minute(minute)).collect();
    assert_eq!(late.minute(299), before[299]);
    assert_eq!(late.minute(17), before[17]);
    let anchor = "2026-11-20T12:00:00Z".parse().expect("minute");
    let mut other = Tape::new(&INSTRUMENTS[0], 8, anchor);
    assert_ne!(other.minute(17), before[17], "another seed");
}

#[test]
fn quiet_minutes_bursts_and_both_sides_of_an_edge_exist() {
    let mut tape = tape(1);
    let day: Vec<Vec<Record>> = (0..DAY).map(|minute| tape.minute(minute)).collect();
    let quiet = day.iter().filter(|records| records.is_empty()).count();
    assert!((10..100).contains(&quiet), "{quiet} quiet minutes");
    assert!(day.iter().any(|records| records.len() > TRADES.1 as usize + 1), "a burst");
    for edge in (EDGE_MINUTES..DAY).step_by(EDGE_MINUTES) {
        let open_ms = tape.anchor_ms + edge as i64 * MINUTE_MS;
        assert_eq!(day[edge - 1].last().map(Record::time_ms), Some(open_ms - 1));
        assert_eq!(day[edge].first().map(Record::time_ms), Some(open_ms));
    }
}

#[test]
fn an_id_finds_its_minute() {
    let mut tape = tape(2);
    for minute in 0..200 {
        for record in tape.minute(minute) {
            assert_eq!(tape.minute_of(record.id(), 250), minute);
            assert_eq!(tape.minute_at(record.time_ms()), minute);
        }
    }
    assert_eq!(tape.minute_of(0, 250), 0);
    assert_eq!(tape.minute_of(u64::MAX, 250), 250);
    assert_eq!(tape.minute_at(0), 0);
}
