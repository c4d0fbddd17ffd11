//! The trades of a simulated market: a pure function of seed, symbol, anchor and minute. Reads no
//! clock, writes no exchange's spelling, and touches no float.
//!
//! A minute is drawn in two steps. Its `Plan` says how many trades and ids it takes and where the
//! price ends, so that the minutes before it cost one step each; the trades themselves are drawn
//! only for a minute that somebody reads.

use market::Minute;

use super::instruments::{Instrument, Units};
use super::random::Random;

const MINUTE_MS: i64 = 60_000;
/// On every fifth minute's open there is a trade in the last millisecond before and one in the
/// first behind: the edge at which a wrong rule of minutes would show.
const EDGE_MINUTES: usize = 5;
/// One of so many minutes, edges apart, has no trade at all.
const QUIET_ONE_IN: u64 = 24;
/// One of so many minutes is a burst: most of its trades within a few seconds.
const BURST_ONE_IN: u64 = 20;
const BURST_MS: u64 = 3_000;
const TRADES: (u64, u64) = (8, 60);
const BURST_TRADES: (u64, u64) = (80, 200);
/// One of so many minutes with trades holds an id whose record the exchange has voided.
const TOMBSTONE_ONE_IN: u64 = 90;
/// The time between two points of a follower's distance, and how far they go in basis points.
const PREMIUMS: [(i64, i64); 2] = [(600_000, 4), (20_000, 2)];

/// One id of the tape: ids are contiguous over both kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Trade(Aggregate),
    /// A record that the exchange has voided.
    Tombstone {
        id: u64,
        time_ms: i64,
    },
}

/// The fills of one taker order at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    pub id: u64,
    pub first_raw_id: u64,
    pub last_raw_id: u64,
    pub time_ms: i64,
    pub price: Units,
    pub size: Units,
    /// True if the taker sold.
    pub buyer_is_maker: bool,
}

impl Record {
    pub fn id(&self) -> u64 {
        match self {
            Record::Trade(trade) => trade.id,
            Record::Tombstone { id, .. } => *id,
        }
    }

    pub fn time_ms(&self) -> i64 {
        match self {
            Record::Trade(trade) => trade.time_ms,
            Record::Tombstone { time_ms, .. } => *time_ms,
        }
    }
}

/// All that was and will be traded of one instrument, from its anchor on.
#[derive(Debug)]
pub struct Tape {
    pub(super) instrument: &'static Instrument,
    seed: u64,
    anchor_ms: i64,
    /// How each minute opens, as far as anybody has asked: a year is half a million of them.
    opens: Vec<Open>,
    /// Whose prices these follow.
    leader: Option<Box<Tape>>,
}

/// Where the tape stands when a minute opens.
#[derive(Debug, Clone, Copy)]
struct Open {
    id: u64,
    raw_id: u64,
    /// In ticks.
    price: i64,
}

/// What a minute takes from the tape.
struct Plan {
    trades: u64,
    /// Fills beyond the first of each trade.
    more_fills: u64,
    burst: bool,
    tombstone: bool,
    /// In ticks.
    move_by: i64,
}

impl Tape {
    pub fn new(instrument: &'static Instrument, seed: u64, anchor: Minute) -> Tape {
        let Instrument { first_id: id, first_raw_id: raw_id, price, .. } = *instrument;
        let anchor_ms = anchor.start().micros() / 1_000;
        let leader = instrument.leader.map(|leader| Box::new(Tape::new(leader, seed, anchor)));
        Tape { instrument, seed, anchor_ms, opens: vec![Open { id, raw_id, price }], leader }
    }

    /// The minute, counted from the anchor, that holds this time; 0 for what lies before it.
    pub fn minute_at(&self, time_ms: i64) -> usize {
        usize::try_from((time_ms - self.anchor_ms).div_euclid(MINUTE_MS)).unwrap_or(0)
    }

    /// The minute that holds this id; `horizon` if the id lies in it or behind it.
    pub fn minute_of(&mut self, id: u64, horizon: usize) -> usize {
        self.open(horizon);
        let opened = self.opens[..=horizon].partition_point(|open| open.id <= id);
        opened.saturating_sub(1)
    }

    /// The records of the minute, in the order of their ids and times.
    pub fn minute(&mut self, minute: usize) -> Vec<Record> {
        let open = self.open(minute);
        let mut random = self.random(minute);
        let plan = Plan::draw(&mut random, minute, self.instrument, open);
        let times = plan.times(&mut random, minute);
        let fills = plan.fills(&mut random);
        let prices = match self.leader {
            Some(_) => self.following(minute, &times),
            None => plan.prices(&mut random, open.price),
        };
        let voided = plan.tombstone.then(|| random.below(plan.trades) as usize);
        let start_ms = self.anchor_ms + minute as i64 * MINUTE_MS;
        let Open { mut id, mut raw_id, price: mut before } = open;
        let mut records = Vec::with_capacity(times.len() + 1);
        for (at, ((time, fills), price)) in times.iter().zip(fills).zip(prices).enumerate() {
            let time_ms = start_ms + time;
            if voided == Some(at) {
                records.push(Record::Tombstone { id, time_ms });
                id += 1;
            }
            let down = price < before || (price == before && random.one_in(2));
            records.push(Record::Trade(Aggregate {
                id,
                first_raw_id: raw_id,
                last_raw_id: raw_id + fills - 1,
                time_ms,
                price: Units(price * self.instrument.tick),
                size: self.size(&mut random, fills),
                buyer_is_maker: down,
            }));
            (id, raw_id, before) = (id + 1, raw_id + fills, price);
        }
        records
    }

    fn open(&mut self, minute: usize) -> Open {
        while self.opens.len() <= minute {
            let last = self.opens.len() - 1;
            let open = self.opens[last];
            let plan = Plan::draw(&mut self.random(last), last, self.instrument, open);
            self.opens.push(Open {
                id: open.id + plan.trades + u64::from(plan.tombstone),
                raw_id: open.raw_id + plan.trades + plan.more_fills,
                price: open.price + plan.move_by,
            });
        }
        self.opens[minute]
    }

    /// The price of the last trade up to this time, in ticks.
    pub(super) fn price_at(&mut self, time_ms: i64) -> i64 {
        let minute = self.minute_at(time_ms);
        let mut prices = self.minute(minute).into_iter().filter_map(|record| match record {
            Record::Trade(trade) if trade.time_ms <= time_ms => Some(trade.price.0),
            _ => None,
        });
        match (prices.next_back(), &mut self.leader) {
            (Some(units), _) => units / self.instrument.tick,
            (None, Some(leader)) => leader.price_at(time_ms) + self.premium(time_ms),
            (None, None) => self.open(minute).price,
        }
    }

    /// The leader's price at each of these times of a minute, and the distance to it.
    fn following(&mut self, minute: usize, times: &[i64]) -> Vec<i64> {
        let Some(leader) = &mut self.leader else { return vec![] };
        let start_ms = self.anchor_ms + minute as i64 * MINUTE_MS;
        let opened = leader.open(minute).price;
        let led = leader.minute(minute);
        let at = |time: &i64| {
            let time_ms = start_ms + time;
            let before = led.iter().rev().find_map(|record| match record {
                Record::Trade(trade) if trade.time_ms <= time_ms => Some(trade.price.0),
                _ => None,
            });
            let price = before.map_or(opened, |units| units / self.instrument.tick);
            price + self.premium(time_ms)
        };
        times.iter().map(at).collect()
    }

    /// How far this price is from the leader's, in ticks: a line between points that are drawn for
    /// each span of time, a slow and large one and a quick and small one together.
    fn premium(&self, time_ms: i64) -> i64 {
        PREMIUMS
            .iter()
            .map(|(every_ms, bps)| {
                let reach = self.instrument.price * bps / 10_000 + 1;
                let point = |n: i64| self.draw(&[*every_ms, n]).within(reach);
                let (n, into) = (time_ms.div_euclid(*every_ms), time_ms.rem_euclid(*every_ms));
                point(n) + (point(n + 1) - point(n)) * into / every_ms
            })
            .sum()
    }

    fn random(&self, minute: usize) -> Random {
        self.draw(&[self.anchor_ms / MINUTE_MS + minute as i64])
    }

    /// Numbers that follow from the instrument and these.
    pub(super) fn draw(&self, salts: &[i64]) -> Random {
        let name = self
            .instrument
            .symbol
            .bytes()
            .fold(0, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut random = Random::new(self.seed);
        let salts = salts.iter().map(|salt| salt.unsigned_abs());
        for salt in std::iter::once(name).chain(salts) {
            random = Random::new(random.next() ^ salt);
        }
        random
    }

    /// Mostly small, sometimes large, and at least one lot for each fill.
    fn size(&self, random: &mut Random, fills: u64) -> Units {
        let shrink = random.below(10);
        let lots = (random.below(self.instrument.lots) >> shrink).max(fills);
        Units(lots as i64 * self.instrument.lot)
    }
}

impl Plan {
    fn draw(random: &mut Random, minute: usize, instrument: &Instrument, open: Open) -> Plan {
        let edge = opens_on_edge(minute) || closes_on_edge(minute);
        let quiet = random.one_in(QUIET_ONE_IN) && !edge;
        let burst = random.one_in(BURST_ONE_IN) && !quiet;
        let (least, most) = if burst { BURST_TRADES } else { TRADES };
        let drawn = least + random.below(most - least + 1);
        let trades = if quiet { 0 } else { drawn };
        let (more_fills, tombstone) =
            (random.below(2 * trades + 1), random.one_in(TOMBSTONE_ONE_IN));
        // Only Binance joins fills, and keeps a place for what it has voided.
        let joined = instrument.leader.is_none();
        Plan {
            trades,
            more_fills: if joined { more_fills } else { 0 },
            burst,
            tombstone: tombstone && joined && !quiet,
            move_by: Plan::move_by(random, instrument, open.price),
        }
    }

    /// A step of about 0.08 %, drawn home by a price that is far from where it began.
    fn move_by(random: &mut Random, instrument: &Instrument, price: i64) -> i64 {
        let step: i64 = (0..4).map(|_| random.within(price / 1_500 + 1)).sum();
        let home = (instrument.price - price) / 2_000;
        (price + step + home).max(instrument.price / 4) - price
    }

    /// Milliseconds since the minute's open, ascending.
    fn times(&self, random: &mut Random, minute: usize) -> Vec<i64> {
        let burst_at = random.below(MINUTE_MS as u64 - BURST_MS);
        let anywhere = |random: &mut Random| random.below(MINUTE_MS as u64);
        let time = |random: &mut Random| match self.burst && !random.one_in(5) {
            true => burst_at + random.below(BURST_MS),
            false => anywhere(random),
        };
        let mut times: Vec<i64> = (0..self.trades).map(|_| time(random) as i64).collect();
        times.sort_unstable();
        if opens_on_edge(minute)
            && let Some(first) = times.first_mut()
        {
            *first = 0;
        }
        if closes_on_edge(minute)
            && let Some(last) = times.last_mut()
        {
            *last = MINUTE_MS - 1;
        }
        times
    }

    /// How many raw trades each trade covers.
    fn fills(&self, random: &mut Random) -> Vec<u64> {
        let mut fills = vec![1; self.trades as usize];
        for _ in 0..self.more_fills {
            fills[random.below(self.trades) as usize] += 1;
        }
        fills
    }

    /// A walk that ends where the plan says, in ticks.
    fn prices(&self, random: &mut Random, open: i64) -> Vec<i64> {
        let reach = open / 8_000 + 1;
        let mut walk = 0;
        let steps = (0..self.trades).map(|_| {
            walk += if random.one_in(3) { 0 } else { random.within(reach) };
            walk
        });
        let walked: Vec<i64> = steps.collect();
        let astray = walked.last().map_or(0, |end| end - self.move_by);
        let trades = self.trades as i64;
        let corrected = walked.iter().zip(1..).map(|(walk, n)| open + walk - astray * n / trades);
        corrected.map(|price: i64| price.max(1)).collect()
    }
}

fn opens_on_edge(minute: usize) -> bool {
    minute.is_multiple_of(EDGE_MINUTES)
}

fn closes_on_edge(minute: usize) -> bool {
    (minute + 1).is_multiple_of(EDGE_MINUTES)
}

#[cfg(test)]
mod tests;
