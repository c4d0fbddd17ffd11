//! The README's table of costs: made of the resources that each profile plans and of
//! `terraform/prices.toml`, and refused when it is older than they are. It asks AWS for no price.
//!
//!     TICKFOLD_WRITE=1 cargo test -p tests --test cost

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};

use serde::Deserialize;
use tests::terraform::Terraform;

#[expect(dead_code, reason = "shared with the tests of Terraform")]
#[path = "terraform/stack.rs"]
mod stack;

use stack::{Resource, Stack};

const PROFILES: [&str; 2] = ["minimal", "scaled"];
const BEGIN: &str = "<!-- cost: made by tests/cost.rs -->\n";
const END: &str = "<!-- cost: end -->\n";
/// Dollars a month that `minimal` may cost.
const MINIMAL_AT_MOST: Dollars = Dollars(35 * ONE);

/// Decimals of a unit price, and some more.
const DIGITS: usize = 12;
const ONE: i128 = 10_i128.pow(DIGITS as u32);

/// Exact to [`DIGITS`] decimals; products are cut there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Dollars(i128);

impl Dollars {
    fn parse(text: &str) -> Dollars {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        assert!(decimals.len() <= DIGITS, "{text} has too many decimals");
        let digits = format!("{whole}{decimals:0<DIGITS$}");
        Dollars(digits.parse().unwrap_or_else(|_| panic!("{text:?} is no number")))
    }

    fn times(self, other: Dollars) -> Dollars {
        Dollars(self.0.checked_mul(other.0).expect("no such sum") / ONE)
    }

    fn plus(self, other: Dollars) -> Dollars {
        Dollars(self.0 + other.0)
    }

    /// To the cent.
    fn show(self) -> String {
        let cents = (self.0 + ONE / 200) / (ONE / 100);
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    date: String,
    region: String,
    sources: BTreeMap<String, String>,
    usage: BTreeMap<String, BTreeMap<String, String>>,
    price: Vec<Price>,
    free: Free,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    kind: String,
    #[serde(default)]
    when: BTreeMap<String, String>,
    what: String,
    usd: String,
    unit: String,
    times: Vec<String>,
    /// Units that every account gets each month.
    free: Option<String>,
    source: String,
    without: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Free {
    kinds: Vec<String>,
    rest: Vec<String>,
}

impl Price {
    fn is_of(&self, resource: &Resource) -> bool {
        let is = |(name, value): (&String, &String)| attribute(resource, name) == *value;
        self.kind == resource.kind && self.when.iter().all(is)
    }

    /// Units a month of one resource.
    fn units(&self, resource: &Resource, usage: &BTreeMap<String, String>) -> Dollars {
        let factor = |name: &String| match name.strip_prefix('.') {
            Some(name) => Dollars::parse(&attribute(resource, name)),
            None => Dollars::parse(usage.get(name).unwrap_or(name)),
        };
        self.times.iter().map(factor).fold(Dollars(ONE), Dollars::times)
    }
}

fn attribute(resource: &Resource, name: &str) -> String {
    let value = &resource.values[name];
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One line of the table: what it costs in each profile.
struct Line<'a> {
    price: &'a Price,
    month: [Dollars; 2],
    free: [Dollars; 2],
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member").join(path)
}

fn prices() -> Prices {
    let text = fs::read_to_string(file("terraform/prices.toml")).expect("the prices");
    let prices: Prices = toml::from_str(&text).expect("prices.toml");
    for price in &prices.price {
        assert!(prices.sources.contains_key(&price.source), "{}: from whom?", price.what);
        assert!(!price.without.is_empty(), "{}: why is it there?", price.what);
    }
    prices
}

/// What each profile applies on a mocked provider.
fn profiles(test: &str) -> Option<&'static [Stack; 2]> {
    static STACKS: OnceLock<Option<[Stack; 2]>> = OnceLock::new();
    let stacks = STACKS.get_or_init(|| {
        let terraform = Terraform::stack(test)?;
        Some(PROFILES.map(|profile| {
            let variables = format!("-var-file={profile}.tfvars");
            let said = stack::test(&terraform, &["-filter=tests/profile.tftest.hcl", &variables]);
            assert!(said.failures.is_empty(), "{:?}", said.failures);
            said.stacks.into_iter().next().expect("a stack")
        }))
    });
    stacks.as_ref()
}

fn lines<'a>(prices: &'a Prices, stacks: &[Stack]) -> Vec<Line<'a>> {
    let line = |price: &'a Price| {
        let usd = Dollars::parse(&price.usd);
        let units = |profile: usize| {
            let usage = &prices.usage[PROFILES[profile]];
            let resources = stacks[profile].resources.iter().filter(|it| price.is_of(it));
            resources.map(|it| price.units(it, usage)).fold(Dollars(0), Dollars::plus)
        };
        let free = price.free.as_deref().map_or(Dollars(0), Dollars::parse);
        let of = |profile| (units(profile).times(usd), units(profile).min(free).times(usd));
        let [minimal, scaled] = [0, 1].map(of);
        Line { price, month: [minimal.0, scaled.0], free: [minimal.1, scaled.1] }
    };
    prices.price.iter().map(line).collect()
}

/// Nothing may be in a plan that somebody forgot to price.
fn unpriced(prices: &Prices, stack: &Stack) -> Vec<String> {
    let known = |it: &&Resource| {
        prices.free.kinds.contains(&it.kind)
            || prices.free.rest.contains(&it.kind)
            || prices.price.iter().any(|price| price.is_of(it))
    };
    let managed = stack.resources.iter().filter(|it| !it.address.contains("data."));
    managed.filter(|it| !known(it)).map(|it| it.address.clone()).collect()
}

fn sum(lines: &[Line], of: impl Fn(&Line) -> Dollars) -> Dollars {
    lines.iter().map(of).fold(Dollars(0), Dollars::plus)
}

fn table(prices: &Prices, lines: &[Line]) -> String {
    let mut table = format!(
        "USD a month in {}, prices of {}; * is remembered and not looked up, see \
         [`prices.toml`](terraform/prices.toml), which also says what use is assumed.\n\n\
         | what | price | minimal | scaled | without it |\n|---|---|---|---|---|\n",
        prices.region, prices.date
    );
    for Line { price, month, .. } in lines {
        let unsure = if price.source == "memory" { "*" } else { "" };
        let month = month.map(|it| if it.0 == 0 { String::new() } else { it.show() });
        let [minimal, scaled] = &month;
        let Price { what, usd, unit, without, .. } = price;
        writeln!(table, "| {what} | {usd} / {unit}{unsure} | {minimal} | {scaled} | {without} |")
            .expect("written");
    }
    let [minimal, scaled] = [0, 1].map(|profile| {
        let (all, free) = (sum(lines, |it| it.month[profile]), sum(lines, |it| it.free[profile]));
        [all, free, Dollars(all.0 - free.0)].map(Dollars::show)
    });
    for (at, what) in ["together", "of it free in every account", "**to pay**"].iter().enumerate() {
        writeln!(table, "| {what} | | {} | {} | |", minimal[at], scaled[at]).expect("written");
    }
    table
}

#[test]
fn money_is_exact() {
    assert_eq!(Dollars::parse("0.0000133334").0, 13_333_400);
    assert_eq!(Dollars::parse("730").times(Dollars::parse("0.0168")), Dollars::parse("12.264"));
    assert_eq!(Dollars::parse("12.265").show(), "12.27");
    assert_eq!(Dollars::parse("0.004").show(), "0.00");
}

#[test]
fn every_resource_has_a_price_and_every_price_a_resource() {
    let Some(stacks) = profiles("costs") else { return };
    let prices = prices();
    for stack in stacks {
        assert!(stack.resources.len() > 50, "{}", stack.name);
        assert_eq!(unpriced(&prices, stack), [""; 0], "{}", stack.name);
    }
    for price in &prices.price {
        let used = stacks.iter().flat_map(|it| &it.resources).any(|it| price.is_of(it));
        assert!(used, "nothing costs: {}", price.what);
    }
}

#[test]
fn the_readme_has_the_table_and_minimal_is_cheap() {
    let Some(stacks) = profiles("the README's costs") else { return };
    let prices = prices();
    let lines = lines(&prices, stacks);
    let pay = sum(&lines, |it| Dollars(it.month[0].0 - it.free[0].0));
    assert!(pay <= MINIMAL_AT_MOST, "minimal costs {} USD a month", pay.show());

    let readme = fs::read_to_string(file("README.md")).expect("the README");
    let (before, rest) = readme.split_once(BEGIN).expect("where the table begins");
    let (found, after) = rest.split_once(END).expect("where it ends");
    let table = table(&prices, &lines);
    if env::var_os("TICKFOLD_WRITE").is_some() {
        fs::write(file("README.md"), [before, BEGIN, &table, END, after].concat())
            .expect("written");
    } else {
        assert_eq!(found, table, "TICKFOLD_WRITE=1 cargo test -p tests --test cost writes it anew");
    }
}
