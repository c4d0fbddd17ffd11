//! A conversation without a socket: what is said when, and what follows from each answer.

use super::*;
use crate::config::Feed;
use crate::venue;
use market::Exchange;

const SECOND: Duration = Duration::from_secs(1);
const WITHIN: Duration = Duration::from_secs(10);

/// A conversation, and the time, which passes a second at each look.
struct Scene {
    talk: Talk,
    now: Instant,
}

fn scene(exchange: Exchange, symbols: &[&str]) -> Scene {
    let symbols = symbols.iter().map(|symbol| symbol.parse().expect("a symbol"));
    begin(Feed::new(exchange, symbols.collect()))
}

fn begin(feed: Feed) -> Scene {
    let terms = venue::terms(&feed).expect("terms");
    let now = Instant::now();
    let talk = Talk::new(terms.subscription.expect("a subscription"), WITHIN, now);
    Scene { talk, now }
}

impl Scene {
    /// What is said within the next seconds.
    fn said(&mut self, seconds: u32) -> Vec<String> {
        let mut said = Vec::new();
        for _ in 0..seconds {
            said.extend(self.talk.next(self.now));
            self.now += SECOND;
        }
        said
    }

    fn granted(&mut self, request: Option<&str>, channels: &[&str]) -> Vec<Complaint> {
        let channels: Vec<_> = channels.iter().map(|name| (*name).to_owned()).collect();
        self.talk.granted(request, &channels, self.now, 1.0)
    }

    fn refused(&mut self, request: Option<&str>, channel: Option<&str>, why: &str) -> Vec<String> {
        let refused = self.talk.refused(request, channel, why, self.now, 1.0);
        let complaints = refused.expect("the answer to something").into_iter();
        complaints.map(|complaint| complaint.channel).collect()
    }
}

fn names(complaints: &[Complaint]) -> Vec<&str> {
    complaints.iter().map(|complaint| &*complaint.channel).collect()
}

#[test]
fn a_request_names_as_many_channels_as_are_allowed_and_requests_are_apart() {
    let symbols: Vec<_> = (0..11).map(|number| format!("S{number}")).collect();
    let symbols: Vec<_> = symbols.iter().map(String::as_str).collect();
    let Scene { mut talk, now } = scene(Exchange::Bybit, &symbols);
    let first = talk.next(now).expect("ten channels");
    assert!(first.contains("publicTrade.S9") && !first.contains("publicTrade.S10"), "{first}");
    assert!(talk.is_unsaid());
    assert_eq!(talk.next(now + Duration::from_millis(99)), None);
    let second = r#"{"req_id":"2","op":"subscribe","args":["publicTrade.S10"]}"#;
    assert_eq!(talk.next(now + Duration::from_millis(100)).as_deref(), Some(second));
    assert!(!talk.is_unsaid());
}

#[test]
fn the_client_pings_in_its_interval_and_goes_on_with_it() {
    let mut scene = scene(Exchange::Bybit, &["BTCUSDT"]);
    assert_eq!(scene.said(20).len(), 1);
    assert_eq!(scene.granted(Some("1"), &[]), []);
    assert_eq!(scene.said(41), [r#"{"op":"ping"}"#; 3]);
}

#[test]
fn deribits_heartbeats_are_asked_for_before_all_else() {
    let mut scene = scene(Exchange::Deribit, &["BTC-PERPETUAL"]);
    let said = scene.said(3);
    assert!(said[0].contains("public/set_heartbeat"), "{said:?}");
    assert!(said[1].contains("public/subscribe"), "{said:?}");
    assert_eq!(said.len(), 2);
}

#[test]
fn what_a_list_leaves_out_is_asked_for_again_later_and_later() {
    let mut scene = scene(Exchange::Deribit, &["BTC-PERPETUAL", "NONE-PERPETUAL"]);
    scene.said(2);
    let complaints = scene.granted(Some("1"), &["trades.BTC-PERPETUAL.100ms"]);
    assert_eq!(names(&complaints), ["trades.NONE-PERPETUAL.100ms"]);
    assert_eq!(complaints[0].again, 2 * SECOND);
    assert_eq!(scene.said(2), Vec::<String>::new());
    let again = scene.said(1);
    assert!(again[0].contains(r#"["trades.NONE-PERPETUAL.100ms"]"#), "{again:?}");
    assert_eq!(scene.granted(Some("2"), &[])[0].again, 4 * SECOND);
    scene.said(5);
    assert_eq!(scene.granted(Some("3"), &["trades.NONE-PERPETUAL.100ms"]), []);
    assert_eq!(scene.said(60), Vec::<String>::new());
}

#[test]
fn a_topic_that_is_refused_does_not_hold_up_those_beside_it() {
    let mut scene = scene(Exchange::Bybit, &["BTCUSDT", "NONE", "ETHUSDT"]);
    scene.said(1);
    let why = "error:handler not found,topic:publicTrade.NONE";
    assert_eq!(scene.refused(Some("1"), Some("publicTrade.NONE"), why), ["publicTrade.NONE"]);
    let others = r#"["publicTrade.BTCUSDT","publicTrade.ETHUSDT"]"#;
    let again = scene.said(1);
    assert!(again[0].contains(others), "{again:?}");
    // One of them was granted before.
    let why = "error:already subscribed,topic:publicTrade.BTCUSDT";
    assert!(scene.refused(Some("2"), Some("publicTrade.BTCUSDT"), why).is_empty());
    let again = scene.said(1);
    assert!(again[0].contains(r#"["publicTrade.ETHUSDT"]"#), "{again:?}");
}

#[test]
fn a_refusal_that_names_nothing_parts_the_channels() {
    let mut scene = scene(Exchange::Deribit, &["BTC-PERPETUAL", "ETH-PERPETUAL"]);
    scene.said(2);
    assert!(
        scene.refused(Some("1"), None, r#"{"code":-32602,"message":"Invalid params"}"#).is_empty()
    );
    let again = scene.said(2);
    assert!(again[0].contains(r#"["trades.BTC-PERPETUAL.100ms"]"#), "{again:?}");
    assert!(again[1].contains(r#"["trades.ETH-PERPETUAL.100ms"]"#), "{again:?}");
    assert_eq!(scene.granted(Some("2"), &["trades.BTC-PERPETUAL.100ms"]), []);
    let refused = scene.refused(Some("3"), None, "Invalid params");
    assert_eq!(refused, ["trades.ETH-PERPETUAL.100ms"]);
}

#[test]
fn without_ids_answers_come_in_the_order_of_the_requests() {
    let mut scene = scene(Exchange::Coinbase, &["BTC-USD", "NO-SUCH"]);
    assert_eq!(scene.said(2).len(), 2);
    let why = "Failed to subscribe: NO-SUCH is not a valid product";
    assert_eq!(scene.refused(None, None, why), ["matches.NO-SUCH"]);
    assert_eq!(scene.refused(None, None, why), ["heartbeat.NO-SUCH"]);
    let again = scene.said(2);
    assert!(again[0].contains(r#"["BTC-USD"],"channels":["matches"]"#), "{again:?}");
    assert!(again[1].contains(r#"["BTC-USD"],"channels":["heartbeat"]"#), "{again:?}");
    assert_eq!(scene.granted(None, &["matches.BTC-USD"]), []);
    assert_eq!(scene.granted(None, &["matches.BTC-USD", "heartbeat.BTC-USD"]), []);
    assert!(scene.talk.refused(None, None, "nothing was asked", scene.now, 1.0).is_none());
}

#[test]
fn kraken_answers_each_pair_and_what_it_does_not_answer_is_asked_for_again() {
    let mut scene = scene(Exchange::Kraken, &["BTC-USD", "NO-SUCH", "ETH-USD"]);
    scene.said(1);
    assert_eq!(scene.granted(Some("1"), &["trade.BTC/USD"]), []);
    let why = "Currency pair not supported NO/SUCH";
    assert_eq!(scene.refused(Some("1"), Some("NO/SUCH"), why), ["trade.NO/SUCH"]);
    scene.now += WITHIN;
    let complaints = scene.talk.overdue(scene.now, 1.0);
    assert_eq!(names(&complaints), ["trade.ETH/USD"]);
    assert_eq!(complaints[0].why, "no answer within 10 s");
    assert_eq!(scene.talk.overdue(scene.now, 1.0), []);
}

#[test]
fn time_in_which_nobody_read_makes_no_answer_late() {
    let mut scene = scene(Exchange::Kraken, &["BTC-USD"]);
    scene.said(1);
    scene.now += WITHIN;
    scene.talk.forgive(scene.now);
    assert_eq!(scene.talk.overdue(scene.now, 1.0), []);
    scene.now += WITHIN;
    assert_eq!(scene.talk.overdue(scene.now, 1.0).len(), 1);
}

#[test]
fn a_book_that_breaks_again_and_again_is_asked_for_later_and_later() {
    let symbol: Symbol = "BTCUSDT".parse().expect("a symbol");
    let feed = Feed::new(Exchange::Bybit, vec![symbol.clone()]);
    let mut scene = begin(Feed { books: true, ..feed });
    assert_eq!(scene.said(2).len(), 2);
    assert_eq!(scene.granted(Some("1"), &[]), []);
    assert_eq!(scene.granted(Some("2"), &[]), []);
    for (request, seconds) in [(3, 0), (5, 2), (7, 4)] {
        scene.talk.again(&symbol, scene.now);
        scene.talk.again(&symbol, scene.now);
        let left = scene.said(1);
        assert!(left[0].contains(r#""unsubscribe","args":["orderbook.50.BTCUSDT"]"#), "{left:?}");
        assert_eq!(scene.said(seconds.max(1) - 1), Vec::<String>::new());
        let again = scene.said(1);
        assert!(again[0].contains(r#""subscribe","args":["orderbook.50.BTCUSDT"]"#), "{again:?}");
        assert_eq!(scene.granted(Some(&format!("{request}")), &[]), []);
        assert_eq!(scene.granted(Some(&format!("{}", request + 1)), &[]), []);
    }
}
