//! What can be written into the configuration, and what is said of everything that cannot.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use ingest::{Config, Feed, Security, Sink, Stream};
use market::Exchange;

#[path = "config/spreads.rs"]
mod spreads;

/// Loads `file` as `ingest.toml`, with `env` as the environment; the folder's name is cut out of
/// a refusal.
fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ingest.toml");
    std::fs::File::create(&path)
        .and_then(|mut out| out.write_all(file.as_bytes()))
        .expect("a file");
    let strip = |error: anyhow::Error| {
        format!("{error:#}").replace(&format!("{}/", folder.path().display()), "")
    };
    Config::load((!file.is_empty()).then_some(path), variables(env)).map_err(strip)
}

fn variables(env: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    |name| {
        let found = env.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    }
}

const FILE: &str = r#"drain_seconds = 20

[kafka]
brokers = "kafka:9092"

[[feed]]
exchange = "binance"
symbols = ["BTCUSDT", "ETHUSDT"]
stream = "trade"
books = true
url = "ws://127.0.0.1:8080/"
silence_seconds = 5
"#;

const ENV: [(&str, &str); 3] = [
    ("KAFKA_BROKERS", "one:9092, two:9093"),
    ("INGEST_EXCHANGE", "binance"),
    ("INGEST_SYMBOLS", "BTCUSDT, ETHUSDT"),
];

fn symbols() -> Vec<market::Symbol> {
    ["BTCUSDT", "ETHUSDT"].map(|symbol| symbol.parse().expect("a symbol")).to_vec()
}

#[test]
fn the_environment_alone_describes_one_feed() {
    let feed = Feed::new(Exchange::Binance, symbols());
    let expected = Config::new("one:9092, two:9093", vec![feed]);
    assert_eq!(load("", &ENV), Ok(expected.clone()));
    let unset = [("INGEST_URL", ""), ("INGEST_STREAM", " "), ("INGEST_CONFIG", "")];
    assert_eq!(load("", &[&ENV[..], &unset].concat()), Ok(expected));
}

#[test]
fn the_file_alone_says_everything() {
    let feed = Feed {
        stream: Stream::Trade,
        books: true,
        url: Some("ws://127.0.0.1:8080".to_owned()),
        silence: Duration::from_secs(5),
        ..Feed::new(Exchange::Binance, symbols())
    };
    let mut expected = Config::new("kafka:9092", vec![feed]);
    expected.drain = Duration::from_secs(20);
    assert_eq!(load(FILE, &[]), Ok(expected.clone()));
    let two = FILE.to_owned() + "[[feed]]\nexchange = \"binance\"\nsymbols = [\"XRPETH\"]\n";
    assert_eq!(load(&two, &[]).expect("two feeds").feeds.len(), 2);
}

#[test]
fn the_environment_goes_before_the_file_field_by_field() {
    let env = [
        ("KAFKA_BROKERS", "other:9092"),
        ("INGEST_SYMBOLS", "XRPETH"),
        ("INGEST_SILENCE_SECONDS", "7"),
        ("INGEST_DRAIN_SECONDS", "8"),
    ];
    let mut expected = load(FILE, &[]).expect("the file");
    let Sink::Kafka(kafka) = &mut expected.sink else { panic!("{expected:?}") };
    kafka.brokers = "other:9092".to_owned();
    expected.feeds[0].symbols = vec!["XRPETH".parse().expect("a symbol")];
    expected.feeds[0].silence = Duration::from_secs(7);
    expected.drain = Duration::from_secs(8);
    assert_eq!(load(FILE, &env), Ok(expected));
}

#[test]
fn lines_may_go_to_kinesis() {
    let file = "sink = \"kinesis\"\n".to_owned() + FILE + "[kinesis]\nstream = \"trades\"\n";
    let Sink::Kafka(_) = load(FILE, &[]).expect("the file").sink else { panic!("by default") };
    let expected = Config::kinesis("trades", load(FILE, &[]).expect("the file").feeds).sink;
    assert_eq!(load(&file, &[]).expect("kinesis").sink, expected);
    let env = [("INGEST_SINK", "kinesis"), ("KINESIS_STREAM", "trades")];
    assert_eq!(load(FILE, &env).expect("kinesis").sink, expected);
    for (env, refusal) in [
        (
            &[("INGEST_SINK", "kafkas")][..],
            "INGEST_SINK: sink: \"kafkas\" is neither kafka nor kinesis",
        ),
        (
            &[("INGEST_SINK", "kinesis")],
            "kinesis.stream: missing; set KINESIS_STREAM, or stream under [kinesis] in the file",
        ),
        (
            &[("INGEST_SINK", "kinesis"), ("KINESIS_STREAM", "arn:aws:kinesis")],
            "KINESIS_STREAM: kinesis.stream: \"arn:aws:kinesis\" is no stream's name (1 to 128 of A-Z a-z 0-9 _ . -)",
        ),
    ] {
        assert_eq!(load(FILE, env), Err(refusal.to_owned()));
    }
}

#[test]
fn msk_is_asked_for_by_name() {
    let security = |config: Config| match config.sink {
        Sink::Kafka(kafka) => kafka.security,
        Sink::Kinesis(kinesis) => panic!("{kinesis}"),
    };
    assert_eq!(security(load(FILE, &[]).expect("the file")), Security::Plaintext);
    let file = FILE.replace("[kafka]", "[kafka]\nsecurity = \"msk-iam\"");
    assert_eq!(security(load(&file, &[]).expect("the file")), Security::MskIam);
    let env = [("KAFKA_SECURITY", "plaintext")];
    assert_eq!(security(load(&file, &env).expect("the file")), Security::Plaintext);
    let refusal = "KAFKA_SECURITY: kafka.security: \"ssl\" is neither plaintext nor msk-iam";
    assert_eq!(load(FILE, &[("KAFKA_SECURITY", "ssl")]), Err(refusal.to_owned()));
}

#[test]
fn the_environment_may_name_the_file() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(FILE.as_bytes()).expect("written");
    let path = file.path().to_str().expect("a name");
    let named = Config::load(None, variables(&[("INGEST_CONFIG", path)])).expect("the file");
    assert_eq!(named, load(FILE, &[]).expect("the file"));
    let missing = Config::load(Some(PathBuf::from("/nowhere/ingest.toml")), |_| None);
    let error = format!("{:#}", missing.expect_err("no such file"));
    assert!(
        error.starts_with("the configuration /nowhere/ingest.toml cannot be read: "),
        "{error}"
    );
}

#[test]
fn what_is_missing_is_named_with_where_to_write_it() {
    for (file, env, expected) in [
        (
            "",
            &[][..],
            "kafka.brokers: missing; set KAFKA_BROKERS, or brokers under [kafka] in the file, to host:port",
        ),
        (
            "",
            &ENV[..1],
            "feed: there is none; set INGEST_EXCHANGE and INGEST_SYMBOLS, or write a [[feed]] with exchange and symbols into the file",
        ),
        (
            "",
            &ENV[..2],
            "feed.symbols: missing; set INGEST_SYMBOLS, or symbols under [[feed]] in the file",
        ),
        (
            "[kafka]\nbrokers = \"kafka:9092\"\n[[feed]]\nsymbols = [\"BTCUSDT\"]\n",
            &[],
            "ingest.toml:3: feed.exchange: missing; set INGEST_EXCHANGE, or exchange under [[feed]] in the file",
        ),
        (
            "[kafka]\nbrokers = \"kafka:9092\"\n\n[[feed]]\nexchange = \"binance\"\nsymbols = []\n",
            &[],
            "ingest.toml:4: feed.symbols: missing; set INGEST_SYMBOLS, or symbols under [[feed]] in the file",
        ),
    ] {
        assert_eq!(load(file, env).expect_err(expected), expected);
    }
}

#[test]
fn every_refusal_of_the_file_names_line_field_value_and_what_is_expected() {
    for (from, to, expected) in [
        (
            "drain_seconds = 20",
            "drain_seconds = 0",
            "ingest.toml:1: drain_seconds: 0 is not from 1 to 600 seconds",
        ),
        (
            "drain_seconds = 20",
            "drain_seconds = \"20\"",
            "ingest.toml:1: `drain_seconds = \"20\"`: invalid type: string \"20\", expected i64",
        ),
        (
            "drain_seconds",
            "drain_second",
            "ingest.toml:1: `drain_second = 20`: unknown field `drain_second`, expected one of `sink`, `kafka`, `kinesis`, `feed`, `spread`, `drain_seconds`",
        ),
        (
            "brokers = \"kafka:9092\"",
            "brokers = 9092",
            "ingest.toml:4: `brokers = 9092`: invalid type: integer `9092`, expected a string",
        ),
        (
            "kafka:9092",
            "kafka",
            "ingest.toml:4: kafka.brokers: \"kafka\" is not host:port, or several with commas between",
        ),
        (
            "kafka:9092",
            "kafka:9092,",
            "ingest.toml:4: kafka.brokers: \"kafka:9092,\" is not host:port, or several with commas between",
        ),
        (
            "kafka:9092",
            "kafka://b:9092",
            "ingest.toml:4: kafka.brokers: \"kafka://b:9092\" is not host:port, or several with commas between",
        ),
        (
            "\"binance\"",
            "\"binanse\"",
            "ingest.toml:7: feed.exchange: \"binanse\" is none of the exchanges known here: binance, bybit, bybit-spot, deribit, coinbase, kraken",
        ),
        (
            "\"binance\"",
            "\"kraken\"",
            "ingest.toml:9: feed.stream: kraken has one stream of trades, not two: leave it away",
        ),
        (
            "\"ETHUSDT\"]",
            "\n\"eth/usdt\"]",
            "ingest.toml:9: feed.symbols: \"eth/usdt\" is not a symbol (1 to 32 of A-Z 0-9 . _ -, such as \"BTCUSDT\")",
        ),
        ("\"ETHUSDT\"", "\"BTCUSDT\"", "ingest.toml:8: feed.symbols: BTCUSDT stands there twice"),
        (
            "\"trade\"",
            "\"trades\"",
            "ingest.toml:9: feed.stream: \"trades\" is neither aggTrade nor trade",
        ),
        (
            "ws://127.0.0.1:8080/",
            "https://x",
            "ingest.toml:11: feed.url: \"https://x\" is not a base such as wss://stream.example.com:9443",
        ),
        (
            "ws://127.0.0.1:8080/",
            "wss://x/ws",
            "ingest.toml:11: feed.url: \"wss://x/ws\" is not a base such as wss://stream.example.com:9443",
        ),
        (
            "silence_seconds = 5",
            "silence_seconds = -5",
            "ingest.toml:12: feed.silence_seconds: -5 is not from 1 to 86400 seconds",
        ),
        (
            "silence_seconds = 5",
            "silence = 5",
            "ingest.toml:12: `silence = 5`: unknown field `silence`, expected one of `exchange`, `symbols`, `stream`, `books`, `url`, `silence_seconds`",
        ),
        (
            "silence_seconds = 5",
            "silence_seconds =",
            "ingest.toml:12: `silence_seconds =`: string values must be quoted, expected literal string",
        ),
    ] {
        let file = FILE.replacen(from, to, 1);
        assert_ne!(file, FILE, "{from}");
        assert_eq!(load(&file, &[]).expect_err(to), expected);
    }
}

#[test]
fn every_refusal_of_a_variable_names_it() {
    let many = (0..1025).map(|number| format!("S{number}")).collect::<Vec<_>>().join(",");
    for (variable, value, expected) in [
        (
            "KAFKA_BROKERS",
            "kafka:0",
            "KAFKA_BROKERS: kafka.brokers: \"kafka:0\" is not host:port, or several with commas between",
        ),
        (
            "INGEST_EXCHANGE",
            "Binance",
            "INGEST_EXCHANGE: feed.exchange: \"Binance\" is none of the exchanges known here: binance, bybit, bybit-spot, deribit, coinbase, kraken",
        ),
        (
            "INGEST_SYMBOLS",
            "BTCUSDT,,ETHUSDT",
            "INGEST_SYMBOLS: feed.symbols: \"\" is not a symbol (1 to 32 of A-Z 0-9 . _ -, such as \"BTCUSDT\")",
        ),
        (
            "INGEST_SYMBOLS",
            &many,
            "INGEST_SYMBOLS: feed.symbols: 1025 symbols, but a connection serves 1024: split the symbols over several feeds",
        ),
        (
            "INGEST_STREAM",
            "aggtrade",
            "INGEST_STREAM: feed.stream: \"aggtrade\" is neither aggTrade nor trade",
        ),
        ("INGEST_BOOKS", "yes", "INGEST_BOOKS: feed.books: \"yes\" is neither true nor false"),
        (
            "INGEST_URL",
            "stream.example.com",
            "INGEST_URL: feed.url: \"stream.example.com\" is not a base such as wss://stream.example.com:9443",
        ),
        (
            "INGEST_SILENCE_SECONDS",
            "1m",
            "INGEST_SILENCE_SECONDS: feed.silence_seconds: \"1m\" is not a whole number of seconds",
        ),
        (
            "INGEST_DRAIN_SECONDS",
            "601",
            "INGEST_DRAIN_SECONDS: drain_seconds: 601 is not from 1 to 600 seconds",
        ),
    ] {
        let env: Vec<_> = [(variable, value)].into_iter().chain(ENV).collect();
        assert_eq!(load("", &env).expect_err(value), expected);
    }
    let pair = [("INGEST_EXCHANGE", "kraken"), ("INGEST_SYMBOLS", "XBTUSD"), ENV[0]];
    assert_eq!(
        load("", &pair).expect_err("no pair"),
        "INGEST_SYMBOLS: feed.symbols: XBTUSD is not a pair such as BTC-USD"
    );
    let two = FILE.to_owned() + "[[feed]]\nexchange = \"binance\"\nsymbols = [\"XRPETH\"]\n";
    assert_eq!(
        load(&two, &[("INGEST_SYMBOLS", "BTCUSDT")]).expect_err("which of the two"),
        "INGEST_SYMBOLS: describes one feed, but the file has 2: unset it"
    );
}
