//! What the simulated exchanges trade, and how Binance spells a trade: what their REST lists and
//! their sockets both read. Serves nothing.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use market::Minute;
use tokio_util::sync::CancellationToken;

use super::generator::{Aggregate, Tape};
use super::instruments::Instrument;
use super::outages::Outages;

/// The tapes of some instruments, and the outages of the sockets that tell them.
pub(super) struct Market {
    instruments: &'static [Instrument],
    tapes: Vec<Mutex<Tape>>,
    pub(super) outages: Outages,
    pub(super) stop: CancellationToken,
}

impl Market {
    pub(super) fn new(
        instruments: &'static [Instrument],
        seed: u64,
        anchor: Minute,
        stop: CancellationToken,
    ) -> Market {
        let tape = |instrument| Mutex::new(Tape::new(instrument, seed, anchor));
        let tapes = instruments.iter().map(tape).collect();
        Market { instruments, tapes, outages: Outages::new(seed, now_ms()), stop }
    }

    pub(super) fn symbols(&self) -> impl Iterator<Item = &'static str> {
        self.instruments.iter().map(|instrument| instrument.symbol)
    }

    /// Runs on the tape of this symbol, if it is traded here.
    pub(super) fn with_tape<T>(
        &self,
        symbol: &str,
        read: impl FnOnce(&mut Tape) -> T,
    ) -> Option<T> {
        let index = self.symbols().position(|it| it == symbol)?;
        // A tape is only ever extended: what a panic left of it is still true.
        let mut tape = self.tapes[index].lock().unwrap_or_else(PoisonError::into_inner);
        Some(read(&mut tape))
    }
}

pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is behind 1970");
    i64::try_from(since.as_millis()).expect("milliseconds fit for 292 million years")
}

/// The fields that REST and sockets write alike.
pub(super) struct Fields<'a>(pub(super) &'a Aggregate);

impl fmt::Display for Fields<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Aggregate { id, first_raw_id, last_raw_id, time_ms, price, size, buyer_is_maker } =
            self.0;
        write!(
            out,
            r#""a":{id},"p":"{price}","q":"{size}","f":{first_raw_id},"l":{last_raw_id},"T":{time_ms},"m":{buyer_is_maker},"M":true"#
        )
    }
}
