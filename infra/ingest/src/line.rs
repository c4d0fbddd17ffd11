//! What is published: a trade's line or a book's, with the topic and the key that it goes under;
//! says what they are in no words of its own.

use std::fmt;

use market::{BookLine, Symbol, Time, Trade};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Trade(Trade),
    Book(Box<BookLine>),
}

impl Line {
    pub(crate) fn topic(&self) -> String {
        match self {
            Line::Trade(trade) => format!("{}.trades", trade.exchange),
            Line::Book(book) => format!("{}.books", book.exchange),
        }
    }

    pub(crate) fn symbol(&self) -> &Symbol {
        match self {
            Line::Trade(trade) => &trade.symbol,
            Line::Book(book) => &book.symbol,
        }
    }

    /// The time that decides its minute.
    pub(crate) fn time(&self) -> Time {
        match self {
            Line::Trade(trade) => trade.time,
            Line::Book(book) => book.time,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Trade(trade) => trade.fmt(out),
            Line::Book(book) => book.fmt(out),
        }
    }
}
