//! What a trade is, how each exchange spells one, and how trades become bars; no I/O, no clock,
//! no environment, nothing async.
//!
//! * [`trade`]: the trade line, the one form in which a trade travels.
//! * [`decimal`], [`time`]: exact numbers and exchange time.
//! * [`exchange`]: an exchange's own messages -> trades.
//! * [`sequence`]: what contiguous trade ids prove.
//! * [`mod@fold`]: a set of trades -> one [`bar`] per symbol and minute.

pub mod bar;
pub mod decimal;
pub mod exchange;
pub mod fold;
pub mod sequence;
pub mod time;
pub mod trade;

pub use bar::{Bar, BarKey};
pub use decimal::Decimal;
pub use exchange::{Exchange, Message};
pub use fold::{Fold, FoldError, fold};
pub use sequence::{Seen, Sequence};
pub use time::{Minute, Time};
pub use trade::{ExchangeName, Ids, LineError, Side, Source, Symbol, Trade};
