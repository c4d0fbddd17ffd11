//! The book line, byte for byte, and what it refuses.

use super::*;

const LINE: &str = r#"{"exchange":"kraken","symbol":"BTC-USD","time":1700000001000000,"interval":1000000,"since":1700000001000000,"bids":[["43000.1","0.50000000"],["43000.0","2"]],"asks":[["43000.3","1.25000000"]],"mid_open":"43000.2","mid_high":"43000.25","mid_low":"43000.2","mid_close":"43000.2","updates":2,"quoted_micros":1000000,"spread_seconds":"0.22","bid_size_seconds":"0.5","ask_size_seconds":"1.25","ofi":"-0.75","received":1700000001987654}"#;
const EMPTY: &str = r#"{"exchange":"deribit","symbol":"BTC-PERPETUAL","time":1700000001000000,"interval":1000000,"since":1700000000500000,"bids":[],"asks":[["43000.3","10.0"]],"inverse":true,"mid_open":null,"mid_high":null,"mid_low":null,"mid_close":null,"updates":1,"quoted_micros":0,"spread_seconds":"0","bid_size_seconds":"0","ask_size_seconds":"0","ofi":"0","received":1700000001987654}"#;

fn read(line: &str) -> Result<BookLine, String> {
    BookLine::from_line(line.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn a_line_is_read_and_written_byte_for_byte() {
    for line in [LINE, EMPTY] {
        assert_eq!(read(line).expect(line).to_string(), line);
    }
    assert_eq!(read(&LINE.replace('}', r#","later":[1]}"#)), read(LINE), "a newer writer's field");
    assert!(read(EMPTY).expect("a line").inverse);
}

#[test]
fn every_refusal_names_its_field() {
    for (from, to, expected) in [
        ("43000.1\"", "4.3e4\"", "bids: \"4.3e4\" is not a plain decimal"),
        ("0.50000000", "0", "bids: \"0\" is not greater than zero"),
        (
            "[\"43000.0\",\"2\"]",
            "[\"43000.1\",\"2\"]",
            "bids and asks: 43000.1 is not in its order",
        ),
        ("43000.3", "43000.1", "bids: 43000.1 is not below the ask 43000.1"),
        ("\"interval\":1000000", "\"interval\":7000000", "interval: is no whole part of a minute"),
        ("\"interval\":1000000", "\"interval\":0", "interval: is no whole part of a minute"),
        ("\"time\":1700000001000000", "\"time\":1700000001000001", "time: is not the start of"),
        ("\"since\":1700000001000000", "\"since\":1700000002000000", "since: is not in the minute"),
        ("\"since\":1700000001000000", "\"since\":1699999979999999", "since: is not in the minute"),
        ("_micros\":1000000", "_micros\":1000001", "quoted_micros: is more than the time"),
        ("_micros\":1000000", "_micros\":0", "quoted_micros: is 0, yet something"),
        ("\"mid_low\":\"43000.2\"", "\"mid_low\":null", "mid_open: all of mid_* are null, or none"),
        ("\"mid_high\":\"43000.25\"", "\"mid_high\":\"1\"", "mid_high: does not reach around"),
        ("\"ofi\":\"-0.75\"", "\"ofi\":\"--1\"", "ofi: \"-1\" is not a plain decimal"),
        ("\"0.22\"", "\"-0.22\"", "spread_seconds: \"-0.22\" is not a plain decimal"),
        ("\"updates\":2", "\"updates\":1000000001", "updates: is above 1000000000"),
        ("\"updates\":2", "\"updates\":-2", "invalid value: integer"),
        ("\"kraken\"", "\"Kraken\"", "exchange: \"Kraken\" is not an exchange"),
        ("}", "}}", "trailing characters"),
    ] {
        let line = LINE.replacen(from, to, 1);
        assert_ne!(line, LINE, "{from}");
        let error = read(&line).expect_err(to);
        assert!(error.contains(expected), "{to}: {error}");
    }
    let quoted = EMPTY.replace("_micros\":0", "_micros\":5");
    assert_eq!(read(&quoted), Err("mid_open: is null, yet both sides stood".into()));
    let many = format!("[{}[\"1\",\"1\"]]", "[\"9\",\"1\"],".repeat(100));
    let error = read(&LINE.replace("[[\"43000.3\",\"1.25000000\"]]", &many)).expect_err("101");
    assert_eq!(error, "asks: 101 levels, above 100");
    assert_eq!(read("[]"), Err("not a JSON object".into()));
}

#[test]
fn minutes_are_whole_numbers_of_an_interval() {
    assert_eq!(Interval::from_micros(1_000_000), Some(Interval::SECOND));
    assert!(Interval::from_micros(60_000_000).is_some());
    assert_eq!(Interval::from_micros(120_000_000), None);
    assert_eq!(Interval::from_micros(7), None);
}
