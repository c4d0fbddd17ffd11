//! `tickfold fold`: recorded data in, bars out, by the pipeline's own decoder and fold; needs no
//! service and stores nothing.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Command, ValueEnum};
use market::{Exchange, Symbol};

use file::Progress;
use intake::{Format, Intake};
use rows::Output;

mod file;
mod intake;
mod rows;

const AFTER_HELP: &str = "\
Bars go to standard output, ordered by exchange, symbol and minute. Refused lines (FILE:LINE: why)
and then the counts go to standard error:
  lines       lines, messages or records that were read
  trades      raw trades in the bars; a line can cover several of them
  duplicates  lines that only repeat trades
  conflicts   lines that contradict a trade of the same id, if there are any
  missing     trade ids that no line covers, in the minutes and between them
  refused     lines and files that could not be read; all others are folded nonetheless

Exit status: 0 if all is well; 2 if anything was refused; 1 if nothing could be read, or the bars
could not be written.

Examples:
  Stored trade lines, to a table:
    tickfold fold --output csv *.ndjson.gz > bars.csv
  The last thousand aggregate trades of a market, to bars:
    curl 'https://data-api.binance.vision/api/v3/aggTrades?symbol=BTCUSDT&limit=1000' |
      tickfold fold --input rest --symbol BTCUSDT";

/// Fold recorded trades to bars, one per symbol and minute, without any service
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// What the files hold
    #[arg(long, value_enum, default_value_t = Input::Lines)]
    input: Input,
    /// Whose messages or records they are, for `frames` and `rest` [default: binance]
    #[arg(long)]
    exchange: Option<Exchange>,
    /// The symbol of all trades, for `rest`, whose records do not name it
    #[arg(long, required_if_eq("input", "rest"))]
    symbol: Option<Symbol>,
    /// How to print the bars
    #[arg(long, value_enum, default_value_t = Output::Ndjson)]
    output: Output,
    /// Files to read, plain or gzip; `-` is standard input, and so is no FILE
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Input {
    /// Trade lines, as the pipeline stores them
    Lines,
    /// An exchange's websocket messages, one per line as it sent them
    Frames,
    /// A page of an exchange's REST trades, as it answered
    Rest,
}

pub fn main(arguments: &Arguments) -> ExitCode {
    let format = arguments.format().unwrap_or_else(|why| usage(ErrorKind::ArgumentConflict, why));
    let mut files: Vec<&Path> = arguments.files.iter().map(PathBuf::as_path).collect();
    if files.is_empty() {
        if io::stdin().is_terminal() {
            let why = "there is no FILE, and standard input is a terminal: name a file, or pipe \
                       data in";
            usage(ErrorKind::MissingRequiredArgument, why);
        }
        files.push(Path::new(file::STDIN));
    }
    let mut intake = Intake::new(format, Progress::over(&files));
    files.iter().for_each(|path| intake.read(path));
    rows::print(intake.finish(), arguments.output)
}

impl Arguments {
    fn format(&self) -> Result<Format, &'static str> {
        let exchange = self.exchange.unwrap_or(Exchange::Binance);
        match (self.input, &self.symbol) {
            (Input::Lines, None) if self.exchange.is_none() => Ok(Format::Lines),
            (Input::Lines, None) => Err("--exchange goes with --input frames or rest: a trade \
                                         line names its own exchange"),
            (Input::Frames, None) => Ok(Format::Frames(exchange)),
            (Input::Rest, Some(symbol)) => Ok(Format::Rest(exchange, symbol.clone())),
            (Input::Rest, None) => Err("--input rest needs --symbol"),
            (Input::Lines | Input::Frames, Some(_)) => {
                Err("--symbol goes with --input rest: lines and messages name their own symbol")
            }
        }
    }
}

/// Ends the program as clap does for what it finds wrong by itself.
fn usage(kind: ErrorKind, why: &str) -> ! {
    Arguments::augment_args(Command::new("tickfold fold")).error(kind, why).exit()
}
