//! `tickfold audit`: a symbol's rows beside its exchange's own candles, a third of a day at a time;
//! keeps what it finds and changes no row. It decides nothing of its own: both halves of the function
//! `audit` are in it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use audit::{AuditError, Inside, Outside};
use history::{History, HistoryError, Places};
use invoke::Half;
use market::audit::MAX_TOLD;
use market::{Audit, Exchange, Symbol};
use store::{Access, Store, StoredAudit};

use crate::clock::now;
use crate::progress::Progress;
use crate::span::Span;

/// Exit statuses beside 0, which is: all agrees.
const DIFFERENT: u8 = 1;
const FAILED: u8 = 2;

/// How long exchanges are asked: the next turn goes on.
const TIME: Duration = Duration::from_secs(50 * 60);

const AFTER_HELP: &str = "\
Compared is every field that both sides have: the prices and the base volume always; counts, quote
volumes and those of takers that bought where the exchange tells them; Kraken's vwap as it cuts it
off. What came of it is kept in the table `audits`, a row for each third of a day, and served at
/v1/audit. What is five minutes past can be compared.

Each difference is a line on standard output:
  2026-11-20T12:01:00Z quote_volume: ours 60.09, theirs 60.089999, delta 0.000001
  2026-11-20T12:02:00Z: missing here
  2026-11-20T12:03:00Z: missing there

Kraken has candles of the last 720 minutes alone. A minute that is not complete in our rows differs,
of course: `tickfold gaps` lists those.

Exit status: 0 if all agrees; 1 if something does not; 2 if something could not be told, or there is
nothing to compare.";

/// Compare a symbol's rows with its exchange's own candles
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Whose: `binance`, `bybit`, `bybit-spot`, `deribit`, `coinbase`, `kraken`
    #[arg(long)]
    exchange: Exchange,
    /// Which of its symbols
    #[arg(long, value_parser = symbol)]
    symbol: Symbol,
    #[command(flatten)]
    span: Span,
    /// `postgres://user@host/db`, `mysql://user@host/db` or `sqlite:///path/to/file.db`
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
}

fn symbol(text: &str) -> Result<Symbol, String> {
    text.parse()
}

pub fn main(arguments: &Arguments) -> ExitCode {
    if let Err(why) = arguments.span.check() {
        eprintln!("tickfold audit: {why}");
        return ExitCode::from(FAILED);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a process its timers and sockets");
    let progress = Progress::hidden();
    let done = runtime.block_on(run(arguments, &progress));
    progress.clear();
    match done {
        Ok(tally) => {
            let Tally { compared, equal, empty, missing, untold, disagrees } = tally;
            let different = compared - equal;
            let nothing = compared + empty + missing == 0;
            if untold > 0 {
                eprintln!("{untold} minutes are not compared: {} forgets", arguments.exchange);
            } else if nothing {
                eprintln!("there is nothing to compare: neither side has a trade");
            }
            eprintln!(
                "{compared} minutes compared, {equal} equal, {different} different, {missing} \
                 missing on one side, {empty} without a trade"
            );
            match disagrees {
                _ if nothing || untold > 0 => ExitCode::from(FAILED),
                true => ExitCode::from(DIFFERENT),
                false => ExitCode::SUCCESS,
            }
        }
        Err(error) => {
            eprintln!("tickfold audit: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

#[derive(Default)]
struct Tally {
    compared: u64,
    equal: u64,
    empty: u64,
    missing: u64,
    /// Minutes that the exchange has no candles of any more.
    untold: u64,
    disagrees: bool,
}

async fn run(arguments: &Arguments, progress: &Progress) -> anyhow::Result<Tally> {
    let store = Store::connect_with(&arguments.database_url, 1, &Access::from_env()?)?;
    let places = Places::named(arguments.exchange, |name| std::env::var(name).ok());
    let history = History::new(arguments.exchange, places)?;
    let Span { from, to } = arguments.span;
    audit::check_over(to, now()?)?;
    progress.begin(to.since(from));
    let mut tally = Tally::default();
    let rows = Half::Here(Inside { store: store.clone() });
    for (from, to) in audit::thirds(from, to) {
        let (exchange, symbol) = (arguments.exchange.name(), arguments.symbol.clone());
        let span = audit::Span { exchange, symbol, from, to };
        let audit = match audit::audit(&history, &rows, span, now()?).await {
            Err(AuditError::Exchange(HistoryError::Absent { .. })) => {
                tally.untold += to.since(from);
                progress.advance(to.since(from));
                continue;
            }
            audit => audit?,
        };
        progress.aside(|| tell(&audit)).context("cannot write to standard output")?;
        tally.compared += audit.found.compared;
        tally.equal += audit.found.equal;
        tally.empty += audit.found.empty;
        tally.missing += audit.found.missing_here_count + audit.found.missing_there_count;
        tally.untold += audit.from.since(from);
        tally.disagrees |= !audit.found.agrees();
        progress.advance(to.since(from));
    }
    store.close().await;
    Ok(tally)
}

/// Both halves.
pub(crate) fn outside(store: Store) -> Outside {
    let rows = Half::Here(Inside { store });
    Outside { rows, places: history::places(|name| std::env::var(name).ok()), time: TIME }
}

fn tell(audit: &StoredAudit) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for it in &audit.found.differences {
        let (minute, field) = (it.minute, &it.field);
        let (ours, theirs, delta) = (it.ours, it.theirs, it.delta);
        writeln!(out, "{minute} {field}: ours {ours}, theirs {theirs}, delta {delta}")?;
    }
    let Audit { missing_here, missing_here_count, .. } = &audit.found;
    let Audit { missing_there, missing_there_count, .. } = &audit.found;
    for (minutes, count, side) in
        [(missing_here, missing_here_count, "here"), (missing_there, missing_there_count, "there")]
    {
        for minute in minutes {
            writeln!(out, "{minute}: missing {side}")?;
        }
        if *count > minutes.len() as u64 {
            writeln!(out, "and others up to {}: {count} in all missing {side}", audit.to)?;
        }
    }
    if audit.found.differences.len() == MAX_TOLD {
        writeln!(
            out,
            "of {} to {} no more than {MAX_TOLD} differences are told",
            audit.from, audit.to
        )?;
    }
    Ok(())
}
