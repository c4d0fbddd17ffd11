//! What trades and order books are, how each exchange spells them, and how they become bars; no
//! I/O, no clock, no environment, nothing async.
//!
//! * [`trade`]: the trade line, the one form in which a trade travels.
//! * [`decimal`], [`time`]: exact numbers and exchange time.
//! * [`exchange`]: an exchange's own messages -> trades and changes of books.
//! * [`sequence`]: what contiguous trade ids prove.
//! * [`mod@fold`]: a set of trades -> one [`bar`] per symbol and minute.
//! * [`gap`]: what a bar and its neighbours say is missing.
//! * [`mod@audit`]: bars beside the exchange's own candles.
//! * [`book`]: a symbol's order book, its lines over time, and a set of those -> a row per minute.
//! * [`candle`]: a minute as an exchange itself tells it.
//! * [`live`]: what a symbol's trades and book say at this moment, and two symbols of each other.

pub mod audit;
pub mod bar;
pub mod book;
pub mod candle;
pub mod decimal;
pub mod exchange;
pub mod fold;
pub mod gap;
pub mod live;
pub mod sequence;
pub mod time;
pub mod trade;

pub use audit::{Audit, audit};
pub use bar::{Bar, BarKey};
pub use book::{Book, BookBar, BookFold, BookLine, BookUpdate, Recorder};
pub use candle::Candle;
pub use decimal::Decimal;
pub use exchange::{Exchange, Message};
pub use fold::{Fold, FoldError, Kept, fold, keep};
pub use gap::{Completeness, Gap, Proof, Span};
pub use live::{Live, Pair, PairView, View};
pub use sequence::{Seen, Sequence};
pub use time::{Day, Minute, Time};
pub use trade::{ExchangeName, Ids, LineError, Side, Source, Symbol, Trade};
