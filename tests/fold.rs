//! `tickfold fold` as its users run it: bytes in, rows and messages out. Knows nothing of its
//! inside; the arithmetic of a bar is tested where it lives.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use fixture::{Folder, MINUTE, NOON, SECOND, fold, gzip, joined, line, lines};
use market::Bar;

#[path = "fold/captures.rs"]
mod captures;
#[path = "fold/fixture.rs"]
mod fixture;
#[path = "fold/refusals.rs"]
mod refusals;

#[test]
fn a_row_is_all_columns_of_a_minute() {
    let input = joined(&[
        r#"{"exchange":"binance","symbol":"BTCUSDT","time":1795176000000000,"side":"buy","price":"43000.50","size":"0.002","first_id":7,"last_id":9,"received":1795176000100000,"source":"ws"}"#.into(),
        r#"{"exchange":"binance","symbol":"BTCUSDT","time":1795176059999999,"side":"sell","price":"42999.9","size":"1","first_id":11,"last_id":11,"received":1795176000100000,"source":"ws"}"#.into(),
    ]);
    let ran = fold(&[], &input);
    let fingerprint = serde_json::to_value(&ran.bars()[0]).unwrap()["fingerprint"].to_string();
    let row = r#"{"exchange":"binance","symbol":"BTCUSDT","minute":"2026-11-20T12:00:00Z","open":"43000.5","high":"43000.5","low":"42999.9","close":"42999.9","buy_count":3,"sell_count":1,"buy_base_volume":"0.002","sell_base_volume":"1","buy_quote_volume":"86.001","sell_quote_volume":"42999.9","first_id":7,"last_id":11,"first_time":"2026-11-20T12:00:00.000000Z","last_time":"2026-11-20T12:00:59.999999Z","trade_count":4,"missing_count":1,"duplicate_count":0,"conflict_count":0,"quarantined_count":0,"object_count":1,"fingerprint":"#;
    assert_eq!(ran.stdout, format!("{row}{fingerprint}}}\n"));
    assert_eq!(ran.summary(), "lines 2, trades 4, duplicates 0, missing 1, refused 0, bars 1");
}

#[test]
fn plain_and_packed_files_and_standard_input_give_the_same_rows() {
    let text = joined(&lines(1, 1_000));
    let (head, tail) = text.split_at(text.len() / 3);
    let members = [gzip(head), gzip(tail)].concat();
    let files: [(&str, &[u8]); 3] =
        [("plain", text.as_bytes()), ("one.gz", &gzip(&text)), ("two.gz", &members)];
    let folder = Folder::with(&files);
    let expected = folder.fold(&["plain"]);
    assert_eq!(expected.bars().len(), 5);
    let summary = "lines 1000, trades 1000, duplicates 0, missing 0, refused 0, bars 5";
    assert_eq!(expected.summary(), summary);
    for (name, bytes) in files {
        for ran in
            [folder.fold(&[name]), folder.fold_stdin(&["-"], bytes), folder.fold_stdin(&[], bytes)]
        {
            assert_eq!(ran.stdout, expected.stdout, "{name}");
            assert_eq!(ran.summary(), summary, "{name}");
        }
    }
}

#[test]
fn line_ends_of_windows_blank_lines_and_a_missing_last_newline_change_nothing() {
    let lines = lines(1, 9);
    let expected = fold(&[], &joined(&lines));
    for text in [
        lines.join("\r\n"),
        joined(&lines).replace('\n', "\r\n"),
        format!("\n{}\n \n\r\n", joined(&lines)),
    ] {
        let ran = fold(&[], &text);
        assert_eq!((&ran.stdout, ran.summary()), (&expected.stdout, expected.summary()));
    }
}

#[test]
fn order_and_repetition_change_only_the_count_of_repetition() {
    let mut lines = lines(1, 600);
    let once = fold(&[], &joined(&lines)).bars();
    lines.extend(lines.clone().into_iter().rev().step_by(2));
    // 389 has no divisor in common with 900: every line, in an order far from time's.
    let shuffled: Vec<_> = (0..900).map(|n| lines[n * 389 % 900].clone()).collect();
    let ran = fold(&[], &joined(&shuffled));
    let repeated = "lines 900, trades 600, duplicates 300, missing 0, refused 0, bars 3";
    assert_eq!(ran.summary(), repeated);
    let bars = ran.bars();
    assert_eq!(bars.iter().map(|bar| bar.duplicate_count).sum::<u64>(), 300);
    let without = |bar: &Bar| Bar { duplicate_count: 0, ..bar.clone() };
    assert_eq!(bars.iter().map(without).collect::<Vec<_>>(), once);
}

#[test]
fn a_contradicting_line_is_counted_and_does_not_decide() {
    let whole = lines(1, 9);
    let text = joined(&whole) + &whole[4].replace("43000.", "49000.");
    let ran = fold(&[], &text);
    let expected = "lines 10, trades 9, duplicates 0, conflicts 1, missing 0, refused 0, bars 1";
    assert_eq!(ran.summary(), expected);
    assert_eq!(ran.bars()[0].conflict_count, 1);
    assert_eq!(ran.bars()[0].high, fold(&[], &joined(&whole)).bars()[0].high);
}

#[test]
fn a_row_says_how_many_files_held_a_line_of_it() {
    let lines = lines(1, 480);
    let (first, second) = (joined(&lines[..300]), joined(&lines[200..]));
    let folder = Folder::with(&[("a", first.as_bytes()), ("b", &gzip(second))]);
    let files =
        |ran: fixture::Ran| -> Vec<u64> { ran.bars().iter().map(|bar| bar.object_count).collect() };
    assert_eq!(files(folder.fold(&["a", "b"])), [2, 2]);
    assert_eq!(files(folder.fold_stdin(&["a", "-"], joined(&lines[240..]).as_bytes())), [1, 2]);
    assert_eq!(files(folder.fold(&["a"])), [1, 1]);
}

#[test]
fn every_lost_line_is_missing_inside_its_minute_or_between_two() {
    let whole = lines(5_000, 720);
    for lost in [1, 2, 7, 100] {
        let count = |from: usize| {
            let mut lines = whole.clone();
            lines.drain(from..from + lost);
            let ran = fold(&[], &joined(&lines));
            let (kept, missing) = (720 - lost, format!("missing {lost}, refused 0, bars 3"));
            let summary = format!("lines {kept}, trades {kept}, duplicates 0, {missing}");
            assert_eq!(ran.summary(), summary, "{lost} lost from {from}");
            let inside = |bar: &Bar| bar.missing_count.expect("ids are contiguous");
            ran.bars().iter().map(inside).collect::<Vec<_>>()
        };
        let lost = lost as u64;
        assert_eq!(count(300), [0, lost, 0], "in the middle of a minute");
        assert_eq!(count(240), [0, 0, 0], "at its beginning");
        assert_eq!(count(480 - lost as usize), [0, 0, 0], "at its end");
    }
}

#[test]
fn quiet_minutes_are_no_rows_and_prove_themselves() {
    let ran = fold(&[], &joined(&[line(1, NOON), line(2, NOON + 9 * MINUTE)]));
    assert_eq!(ran.bars().len(), 2);
    let expected = "lines 2, trades 2, duplicates 0, missing 0, refused 0, bars 2";
    assert_eq!(ran.summary(), expected);
}

#[test]
fn where_ids_prove_nothing_missing_is_unknown() {
    let opaque = |id: &str, minute: i64| {
        let time = NOON + minute * MINUTE;
        line(1, time).replace(r#""first_id":1,"last_id":1"#, &format!(r#""id":"{id}""#))
    };
    let bybit = [opaque("aa-1", 0), opaque("b", 1)].map(|l| l.replace("binance", "bybit"));
    let ran = fold(&[], &joined(&bybit));
    assert!(ran.summary().contains("missing unknown, "), "{}", ran.summary());
    assert_eq!(ran.bars()[0].missing_count, None);
    assert!(ran.stdout.contains(r#""first_id":null"#), "{}", ran.stdout);
    let both = joined(&bybit) + &joined(&[line(1, NOON), line(4, NOON + 1)]);
    let summary = fold(&[], &both).summary().to_owned();
    assert!(summary.contains("missing unknown (2 by ids), "), "{summary}");
}

#[test]
fn symbols_are_no_neighbours_of_each_other() {
    let other = lines(9_000, 300).join("\n").replace("BTCUSDT", "ETHUSDT");
    let ran = fold(&[], &(joined(&lines(1, 300)) + &other));
    let expected = "lines 600, trades 600, duplicates 0, missing 0, refused 0, bars 4";
    assert_eq!(ran.summary(), expected);
    let keys: Vec<_> = ran.bars().iter().map(|bar| bar.key().to_string()).collect();
    assert_eq!(
        keys,
        [
            "binance BTCUSDT 2026-11-20T12:00:00Z",
            "binance BTCUSDT 2026-11-20T12:01:00Z",
            "binance ETHUSDT 2026-11-20T12:00:00Z",
            "binance ETHUSDT 2026-11-20T12:01:00Z",
        ]
    );
}

#[test]
fn a_microsecond_parts_two_minutes() {
    let last = line(1, NOON + MINUTE - 1);
    let ran = fold(&[], &joined(&[last, line(2, NOON + MINUTE), line(3, NOON + 61 * SECOND)]));
    let counts: Vec<_> = ran.bars().iter().map(|bar| bar.trade_count).collect();
    assert_eq!(counts, [1, 2]);
    assert_eq!(ran.bars()[0].last_time.to_string(), "2026-11-20T12:00:59.999999Z");
    assert_eq!(ran.bars()[1].first_time.to_string(), "2026-11-20T12:01:00.000000Z");
}

#[test]
fn csv_says_what_json_says() {
    let opaque = line(1, NOON).replace(r#""first_id":1,"last_id":1"#, r#""id":"x""#);
    let text = joined(&lines(1, 500)) + &opaque.replace("binance", "bybit");
    let csv = fold(&["--output", "csv"], &text);
    let mut rows = csv.stdout.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    let json = fold(&["--output", "ndjson"], &text);
    assert_eq!(csv.summary(), json.summary());
    let mut json = json.stdout.lines();
    for row in rows.by_ref() {
        let mut object = "{".to_owned();
        for (column, cell) in header.iter().zip(&row) {
            let number = column.ends_with("_count") || column.ends_with("_id");
            let value = match *cell {
                "" => "null".to_owned(),
                cell if number => cell.to_owned(),
                cell => format!("\"{cell}\""),
            };
            object += &format!("\"{column}\":{value},");
        }
        assert_eq!(row.len(), header.len());
        assert_eq!(json.next(), Some(&*(object.trim_end_matches(',').to_owned() + "}")));
    }
    assert_eq!(json.next(), None);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let minutes: Vec<_> = (1..2_000).map(|id| line(id, NOON + id as i64 * MINUTE)).collect();
    let folder = Folder::with(&[("minutes", joined(&minutes).as_bytes())]);
    for output in ["ndjson", "csv"] {
        let mut child = folder.command(&["--output", output, "minutes"]).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdout.read_line(&mut String::new()).expect("a first row");
        drop(stdout);
        assert_eq!(fixture::finish(child, b"").said(), (Some(0), vec![]), "{output}");
    }
}

#[test]
fn a_long_wait_shows_no_progress_where_nobody_watches() {
    let folder = Folder::new();
    let mut child = folder.command(&[]).spawn().unwrap();
    let mut stdin = child.stdin.take().expect("piped");
    for line in lines(1, 3) {
        stdin.write_all(format!("{line}\n").as_bytes()).expect("tickfold reads");
        // The bar would come after a second.
        thread::sleep(Duration::from_millis(600));
    }
    drop(stdin);
    let output = child.wait_with_output().expect("tickfold ends");
    let summary = "lines 3, trades 3, duplicates 0, missing 0, refused 0, bars 1\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), summary);
}

#[test]
fn nobody_listening_to_the_messages_is_no_error() {
    let bad = vec!["nonsense".to_owned(); 20_000];
    let text = joined(&bad) + &joined(&lines(1, 3));
    let folder = Folder::with(&[("bad", text.as_bytes())]);
    let mut child = folder.command(&["bad"]).spawn().unwrap();
    drop(child.stderr.take());
    let ran = fixture::finish(child, b"");
    assert_eq!((ran.code, ran.bars().len()), (Some(2), 1));
    let child = folder.command(&["bad"]).stderr(Stdio::null()).spawn().unwrap();
    assert_eq!(fixture::finish(child, b"").stdout, ran.stdout);
}
