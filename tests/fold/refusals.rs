//! What `tickfold fold` refuses: each way with its message, its exit code, and the good lines
//! folded nonetheless.

use super::fixture::{Folder, MINUTE, NOON, Ran, fold, gzip, joined, line, lines};
use flate2::read::MultiGzDecoder;
use std::io::Read;

const NOTHING_READ: &str = "tickfold fold: nothing could be read, so there is no bar";

/// The rows are those of the good lines alone, but for what counts refused lines.
fn assert_folded(ran: &Ran, good: &[String]) {
    let mut bars = ran.bars();
    bars.iter_mut().for_each(|bar| bar.quarantined_count = 0);
    assert_eq!(bars, fold(&[], &joined(good)).bars());
}

#[test]
fn a_refused_line_is_named_and_counted_in_its_row() {
    let good = line(1, NOON);
    for (from, to, reason, told) in [
        ("\"buy\"", "\"up\"", "side: \"up\" is none of buy sell", 1),
        (
            "43000.",
            "-",
            "price: \"-07000000\" is not a plain decimal (1 to 15 digits, then at most 18 decimals, no sign, no exponent)",
            1,
        ),
        ("0.00200000", "0", "size: \"0\" is not greater than zero", 1),
        ("\"last_id\":1", "\"last_id\":0", "last_id: 0 is before first_id 1", 1),
        (",\"last_id\":1", "", "id: a line has first_id and last_id, or id", 1),
        (",\"source\":\"ws\"", "", "not a trade line: missing field `source`", 1),
        (
            "binance",
            "Binance",
            "exchange: \"Binance\" is not an exchange (1 to 32 of a-z 0-9 _ -, such as \"binance\")",
            0,
        ),
        (
            "BTC",
            "BTC/",
            "symbol: \"BTC/USDT\" is not a symbol (1 to 32 of A-Z 0-9 . _ -, such as \"BTCUSDT\")",
            0,
        ),
        (
            "\"time\":1795176000000000",
            "\"time\":1795176000",
            "time: 1795176000 is no time between 2009 and 2100 in microseconds since 1970",
            0,
        ),
        (
            "\"buy\"",
            "\"buy\u{0}\"",
            "not a trade line: control character (\\u0000-\\u001F) found while parsing a string",
            0,
        ),
        ("}", "", "not a trade line: EOF while parsing an object", 0),
        ("}", "}}", "not a trade line: trailing characters", 0),
        (&*good, "[1]", "not a trade line: not a JSON object", 0),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let whole = lines(2, 3);
        let text = [whole[0].clone(), bad, whole[1].clone(), whole[2].clone()].join("\n");
        let ran = fold(&[], &text);
        let summary = "lines 4, trades 3, duplicates 0, missing 0, refused 1, bars 1";
        assert_eq!(ran.said(), (Some(2), vec![&*format!("-:2: {reason}"), summary]));
        assert_eq!(ran.bars()[0].quarantined_count, told, "{reason}");
        assert_folded(&ran, &whole);
    }
}

#[test]
fn a_refused_line_names_its_own_file_and_line() {
    let (good, bad) = (lines(1, 4), "nonsense\n");
    let first = format!("{}\n\n{bad}{}\n", good[0], good[1]);
    let second = format!("{bad}{}\n{}\n{bad}", good[2], good[3]);
    let folder = Folder::with(&[("a b", first.as_bytes()), ("c.gz", &gzip(&second))]);
    let ran = folder.fold(&["a b", "c.gz"]);
    let expected = vec![
        "a b:3: not a trade line: not a JSON object",
        "c.gz:1: not a trade line: not a JSON object",
        "c.gz:4: not a trade line: not a JSON object",
        "lines 7, trades 4, duplicates 0, missing 0, refused 3, bars 1",
    ];
    assert_eq!(ran.said(), (Some(2), expected));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let good = lines(1, 2);
    let text = [good[0].as_bytes(), b"\n{\"exchange\":\"\xff\"}\n", good[1].as_bytes()].concat();
    let ran = Folder::new().fold_stdin(&[], &text);
    let summary = "lines 3, trades 2, duplicates 0, missing 0, refused 1, bars 1";
    assert_eq!(ran.said(), (Some(2), vec!["-:2: not UTF-8 at byte 14", summary]));
    assert_folded(&ran, &good);
}

#[test]
fn a_line_is_read_up_to_64_kib_and_refused_beyond() {
    let good = lines(1, 3);
    let padded = |length: usize| {
        let head = format!("{},\"pad\":\"", good[1].trim_end_matches('}'));
        format!("{head}{}\"}}", "x".repeat(length - head.len() - 2))
    };
    for end in ["\n", "\r\n"] {
        let text = [&*good[0], &*padded(65_536), &*good[2]].join(end);
        let ran = fold(&[], &text);
        assert_eq!((ran.code, &*ran.bars()), (Some(0), &*fold(&[], &joined(&good)).bars()));
        for length in [65_537, 65_538, 65_539, 10_000_000] {
            let text = [&*good[0], &*padded(length), &*good[2]].join(end);
            let ran = fold(&[], &text);
            let summary = "lines 3, trades 2, duplicates 0, missing 1, refused 1, bars 1";
            let expected = vec!["-:2: longer than 65536 bytes", summary];
            assert_eq!(ran.said(), (Some(2), expected), "{length}");
        }
    }
}

#[test]
fn a_hostile_value_is_not_printed_as_a_whole() {
    let text = line(1, NOON).replace("1795176000000000", &format!("\"{}\"", "x".repeat(30_000)));
    let ran = fold(&[], &text);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.len() < 400, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("-:1: not a trade line: invalid type: string \"xxx"));
}

#[test]
fn a_gzip_that_breaks_off_gives_its_whole_lines() {
    let good = lines(1, 2_000);
    let packed = gzip(joined(&good));
    let cut = &packed[..packed.len() / 2];
    let mut text = Vec::new();
    MultiGzDecoder::new(cut).read_to_end(&mut text).expect_err("it is cut");
    let whole = text.iter().filter(|byte| **byte == b'\n').count();
    assert!((500..1_900).contains(&whole), "{whole}");

    let folder = Folder::with(&[("cut.gz", cut)]);
    let ran = folder.fold(&["cut.gz"]);
    let broken = format!("cut.gz:{}: cannot be read from here on: gzip: ", whole + 1);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.starts_with(&broken), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("\nlines {whole}, trades {whole}, ")), "{}", ran.stderr);
    assert!(ran.stderr.contains(", missing 0, refused 1, "), "{}", ran.stderr);
    assert_folded(&ran, &good[..whole]);
}

#[test]
fn what_follows_a_gzip_and_is_none_is_reported() {
    let good = lines(1, 20);
    for rest in [&b"garbage"[..], &[0; 512], &[0x1f, 0x8b]] {
        let file = [gzip(joined(&good)), rest.to_vec()].concat();
        let ran = Folder::with(&[("more.gz", &file)]).fold(&["more.gz"]);
        let (code, said) = ran.said();
        assert_eq!((code, said.len()), (Some(2), 2), "{said:?}");
        assert!(said[0].starts_with("more.gz:21: cannot be read from here on: gzip: "), "{said:?}");
        assert_folded(&ran, &good);
    }
}

#[test]
fn bombs_stop_where_they_swell() {
    let good = lines(1, 3);
    for bomb in [b'\n', b' ', 0] {
        let text = [joined(&good).as_bytes(), &vec![bomb; 8 << 20]].concat();
        let ran = Folder::with(&[("bomb.gz", &gzip(text))]).fold(&["bomb.gz"]);
        let (code, said) = ran.said();
        assert_eq!((code, said.len()), (Some(2), 2), "{said:?}");
        assert!(said[0].starts_with("bomb.gz:"), "{said:?}");
        let why = "cannot be read from here on: gzip: expands to more than 200 times its size";
        assert!(said[0].ends_with(why), "{said:?}");
        assert_folded(&ran, &good);
    }
    // Equal lines compress far as well, and are small enough to be let through.
    let again = joined(&vec![line(1, NOON); 4_000]);
    let ran = Folder::with(&[("again.gz", &gzip(again))]).fold(&["again.gz"]);
    assert!(ran.summary().contains("duplicates 3999"), "{}", ran.stderr);
}

#[test]
fn without_a_line_there_is_nothing_to_fold() {
    let files: [(&str, &[u8]); 5] = [
        ("empty", b""),
        ("blank", b"\n\r\n  \n"),
        ("empty.gz", &gzip("")),
        ("broken.gz", b"\x1f\x8bnonsense"),
        ("short.gz", b"\x1f\x8b"),
    ];
    let folder = Folder::with(&files);
    for (name, why) in [
        ("empty", "empty: holds no line"),
        ("blank", "blank: holds no line"),
        ("empty.gz", "empty.gz: holds no line"),
        ("broken.gz", "broken.gz:1: cannot be read from here on: gzip: "),
        ("short.gz", "short.gz:1: cannot be read from here on: gzip: "),
        ("none", "none: No such file or directory"),
        (".", ".: is a directory; name the files in it"),
        ("-", "-: holds no line"),
    ] {
        let ran = folder.fold(&[name]);
        let (code, said) = ran.said();
        assert!(said[0].starts_with(why), "{said:?}");
        assert_eq!((code, &said[1..], &*ran.stdout), (Some(1), &[NOTHING_READ][..], ""));

        let beside = folder.fold_stdin(&[name, "-"], joined(&lines(1, 3)).as_bytes());
        let (code, said) = beside.said();
        assert_eq!((code, beside.bars().len(), said.len()), (Some(2), 1, 2), "{said:?}");
        assert!(said.iter().any(|said| said.starts_with(why)), "{said:?}");
        assert!(said[1].contains("trades 3, ") && said[1].contains("refused 1, "), "{said:?}");
    }
}

#[test]
fn a_bar_that_leaves_38_digits_is_no_row_and_holds_up_no_other() {
    let large = |id, minute: i64| {
        line(id, NOON + minute * MINUTE)
            .replace("43000.", "900000000000000.")
            .replace("0.00", "100000.")
    };
    let text = joined(&[line(1, NOON), large(2, 1), large(4, 1), line(5, NOON + 2 * MINUTE)]);
    let ran = fold(&[], &text);
    let expected = vec![
        "no bar of binance BTCUSDT 2026-11-20T12:01:00Z: quote_volume needs more than 38 digits",
        "lines 4, trades 2, duplicates 0, missing unknown, refused 0, failed 1, bars 2",
    ];
    assert_eq!(ran.said(), (Some(2), expected));
    assert_eq!(ran.bars().len(), 2);
}

#[test]
fn messages_without_a_trade_are_passed_over_and_broken_ones_refused() {
    let book =
        format!(r#"{{"lastUpdateId":1,"bids":[{}["1","1"]]}}"#, r#"["1","1"],"#.repeat(9_000));
    let messages = [
        r#"{"result":null,"id":1}"#,
        r#"{"e":"aggTrade","E":1795176000125,"s":"BTCUSDT","a":9,"p":"43000.5","q":"0.002","f":7,"l":9,"T":1795176000120,"m":true,"M":true}"#,
        &book,
        r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":10,"p":"43000.5","q":"0","T":1795176000120,"m":true,"M":true}}"#,
        r#"{"e":"serverShutdown","E":1795176000125}"#,
        "PING",
        r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":11,"p":"43000.5","q":"0.002","T":1795176000120123,"m":false,"M":true}}"#,
    ];
    let ran = fold(&["--input", "frames"], &messages.join("\n"));
    let expected = vec![
        "-:4: size: \"0\" is not greater than zero",
        "-:6: not a message of binance: not a JSON object",
        "lines 7, trades 4, duplicates 0, missing 1, refused 2, bars 1",
    ];
    assert_eq!(ran.said(), (Some(2), expected));
    let explicit = fold(&["--input", "frames", "--exchange", "binance"], &messages.join("\n"));
    assert_eq!(explicit.stdout, ran.stdout);
    let none = fold(&["--input", "frames"], messages[0]);
    let summary = "lines 1, trades 0, duplicates 0, missing unknown, refused 0, bars 0";
    assert_eq!((none.summary(), &*none.stdout), (summary, ""));
}

#[test]
fn a_rest_document_is_refused_by_its_records() {
    let rest = ["--input", "rest", "--symbol", "XRPETH"];
    let record = |a: u64, price: &str, f: i64| {
        format!(
            "{{\n \"a\":{a},\"p\":{price},\"q\":\"8.0\",\"f\":{f},\"l\":{f},\n \
             \"T\":1795176000120,\"m\":true,\"M\":true}}"
        )
    };
    let void = r#"{"a":12,"p":"0","q":"0","f":-1,"l":-1,"T":1795176000120,"m":true,"M":true}"#;
    let records =
        [record(10, "\"0.5\"", 7), record(11, "0.5", 8), void.into(), record(13, "\"x\"", 9)];
    let page = format!("[\n{}\n]\n", records.join(",\n"));
    let expected = vec![
        "-:5: not a REST trade of binance: invalid type: floating point `0.5`, expected a string",
        "-:9: price: \"x\" is not a plain decimal (1 to 15 digits, then at most 18 decimals, no \
         sign, no exponent)",
        "lines 4, trades 1, duplicates 0, missing 0, refused 2, bars 1",
    ];
    for page in [page.as_bytes(), &gzip(&page)] {
        assert_eq!(Folder::new().fold_stdin(&rest, page).said(), (Some(2), expected.clone()));
    }
    for (document, why) in [
        (
            &b"{\"code\":-1121,\n\"msg\":\"Invalid symbol.\"}"[..],
            "-:1: not a list of binance's REST trades: invalid type: map, expected a sequence",
        ),
        (b"[\n{}\n", "-:3: not a list of binance's REST trades: EOF while parsing a list"),
        (b"[]\n[]\n", "-:2: not a list of binance's REST trades: trailing characters"),
        (b"[\n\"\xff\"]", "-:2: not UTF-8"),
    ] {
        let ran = Folder::new().fold_stdin(&rest, document);
        let summary = "lines 0, trades 0, duplicates 0, missing unknown, refused 1, bars 0";
        assert_eq!(ran.said(), (Some(2), vec![why, summary]));
    }
    let empty = fold(&rest, "[]");
    assert_eq!((empty.code, &*empty.stdout), (Some(0), ""));
    assert_eq!(fold(&rest, " \n").said(), (Some(1), vec!["-: holds nothing", NOTHING_READ]));
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    for (arguments, why) in [
        (
            &["--input", "rest"][..],
            "the following required arguments were not provided:\n  --symbol",
        ),
        (&["--symbol", "BTCUSDT"], "--symbol goes with --input rest"),
        (&["--input", "frames", "--symbol", "BTCUSDT"], "--symbol goes with --input rest"),
        (&["--exchange", "binance"], "--exchange goes with --input frames or rest"),
        (
            &["--input", "frames", "--exchange", "nyse"],
            "\"nyse\" is none of the exchanges known here",
        ),
        (&["--input", "rest", "--symbol", "btc/usdt"], "\"btc/usdt\" is not a symbol"),
        (&["--output", "xml"], "[possible values: ndjson, csv]"),
    ] {
        let ran = fold(arguments, &line(1, NOON));
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{arguments:?}");
        assert!(ran.stderr.contains(why), "{arguments:?}: {}", ran.stderr);
    }
}
