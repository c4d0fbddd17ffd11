//! Days' files as the exchanges publish them, of made-up trades; publishes them at a scripted
//! exchange where it is asked to.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use market::{Day, Ids, Side, Symbol, Trade};
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::rest::RestExchange;

/// One row of Binance's `aggTrades`, with its time in microseconds as since 2025.
pub fn binance_row(aggregate: u64, trade: &Trade) -> String {
    let Ids::Range { first, last } = trade.ids else { panic!("Binance's ids are ranges") };
    let (price, size, time) = (trade.fill.price(), trade.fill.size(), trade.time.micros());
    let maker = if trade.side == Side::Sell { "True" } else { "False" };
    format!("{aggregate},{price},{size},{first},{last},{time},{maker},True\n")
}

/// The rows of a linear contract's file at Bybit, the newest first.
pub fn bybit_rows(trades: &[Trade]) -> String {
    let row = |trade: &Trade| {
        let Ids::Opaque(id) = &trade.ids else { panic!("Bybit's ids are opaque") };
        let micros = trade.time.micros();
        let (seconds, tenths) = (micros / 1_000_000, micros % 1_000_000 / 100);
        let side = if trade.side == Side::Buy { "Buy" } else { "Sell" };
        let (name, price, size) = (&trade.symbol, trade.fill.price(), trade.fill.size());
        format!("{seconds}.{tenths:04},{name},{side},{size},{price},PlusTick,{id},1e9,1,1,0\n")
    };
    let names = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,\
                 homeNotional,foreignNotional,RPI\n";
    names.to_owned() + &trades.iter().rev().map(row).collect::<String>()
}

pub fn zipped(name: &str, text: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default()).expect("a file");
    zip.write_all(text.as_bytes()).expect("written");
    zip.finish().expect("a zip").into_inner()
}

pub fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).expect("written");
    gzip.finish().expect("a gzip")
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where Binance has the file of a day.
pub fn binance_path(symbol: &Symbol, day: Day) -> String {
    format!("/data/spot/daily/aggTrades/{symbol}/{symbol}-aggTrades-{day}.zip")
}

/// Where Bybit has the file of a linear contract's day.
pub fn bybit_path(symbol: &Symbol, day: Day) -> String {
    format!("/trading/{symbol}/{symbol}{day}.csv.gz")
}

/// A day of Binance's and its checksum; returns the checksum.
pub fn publish_binance(server: &RestExchange, day: Day, trades: &[Trade]) -> String {
    let rows: String = (1..).zip(trades).map(|(id, trade)| binance_row(id, trade)).collect();
    let symbol = &trades.first().expect("a trade").symbol;
    publish_zip(server, &binance_path(symbol, day), &zipped("day.csv", &rows))
}

pub fn publish_zip(server: &RestExchange, path: &str, zip: &[u8]) -> String {
    let sum = sha256(zip);
    let name = path.rsplit('/').next().expect("a name");
    server.publish(path, zip);
    server.publish(&format!("{path}.CHECKSUM"), format!("{sum}  {name}\n"));
    sum
}
