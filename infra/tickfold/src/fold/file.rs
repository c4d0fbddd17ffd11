//! A file or standard input, plain or gzip, as bounded lines or one bounded document; knows
//! nothing of what stands in them.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use flate2::bufread::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The FILE that is standard input.
pub(super) const STDIN: &str = "-";
/// Bytes of one read: so many that the system calls do not count.
const BUFFER: usize = 64 << 10;
/// Gzip makes trade lines 5 to 20 times smaller, a bomb up to 1,030 times. What lies below the
/// allowance is harmless, and a short file of equal lines may well compress that far.
const MAX_RATIO: u64 = 200;
const RATIO_FREE: u64 = 1 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Whoever waits no longer than this needs no progress bar.
const QUIET: Duration = Duration::from_secs(1);

pub(super) type Reader = Box<dyn BufRead>;

/// Opens a file for reading what it holds, unpacked.
pub(super) fn open(path: &Path, progress: &Progress) -> io::Result<Reader> {
    let mut raw: Box<dyn Read> = if path == Path::new(STDIN) {
        Box::new(io::stdin())
    } else {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::other("is a directory; name the files in it"));
        }
        Box::new(file)
    };
    let mut head = Vec::new();
    raw.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut head)?;
    let is_gzip = head == GZIP_MAGIC;
    let taken = Rc::new(Cell::new(0));
    let metered = Metered {
        inner: Cursor::new(head).chain(raw),
        taken: Rc::clone(&taken),
        progress: progress.clone(),
    };
    let metered = BufReader::with_capacity(BUFFER, metered);
    if !is_gzip {
        return Ok(Box::new(metered));
    }
    let unpacked = Unpacked { decoder: MultiGzDecoder::new(metered), taken, given: 0 };
    Ok(Box::new(BufReader::with_capacity(BUFFER, unpacked)))
}

/// Lines of a file, of which one at a time is held, and never more than `limit` bytes of it.
pub(super) struct Lines {
    reader: Reader,
    limit: usize,
    buffer: Vec<u8>,
    number: u64,
}

pub(super) enum Line<'a> {
    /// Without its line end.
    Whole(&'a [u8]),
    TooLong,
}

impl Lines {
    pub(super) fn new(reader: Reader, limit: usize) -> Lines {
        Lines { reader, limit, buffer: Vec::new(), number: 0 }
    }

    /// The number of the line that was read last, or that could not be read to its end.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        const LINE_END: usize = "\r\n".len();
        self.buffer.clear();
        self.number += 1;
        let most = (self.limit + LINE_END) as u64;
        if self.reader.by_ref().take(most).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        let ended = self.buffer.ends_with(b"\n");
        let line = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() <= self.limit {
            return Ok(Some(Line::Whole(line)));
        }
        if !ended {
            self.reader.skip_until(b'\n')?;
        }
        Ok(Some(Line::TooLong))
    }
}

/// A whole file; fails if it holds more than `limit` bytes.
pub(super) fn document(reader: Reader, limit: u64) -> io::Result<Vec<u8>> {
    let mut document = Vec::new();
    reader.take(limit + 1).read_to_end(&mut document)?;
    if document.len() as u64 > limit {
        let why = format!("holds more than {limit} bytes; split it into several files");
        return Err(io::Error::other(why));
    }
    Ok(document)
}

/// What a gzip file holds. Fails where it breaks off, and where it swells beyond all measure.
struct Unpacked<R> {
    decoder: MultiGzDecoder<R>,
    /// Bytes taken from the file, and bytes given for them.
    taken: Rc<Cell<u64>>,
    given: u64,
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(out);
        let count = read.map_err(|error| io::Error::new(error.kind(), format!("gzip: {error}")))?;
        self.given += count as u64;
        if self.given > RATIO_FREE + MAX_RATIO * self.taken.get() {
            let why = format!("gzip: expands to more than {MAX_RATIO} times its size");
            return Err(io::Error::other(why));
        }
        Ok(count)
    }
}

/// Counts what is taken from a file as it lies there.
struct Metered<R> {
    inner: R,
    taken: Rc<Cell<u64>>,
    progress: Progress,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.taken.set(self.taken.get() + count as u64);
        self.progress.advance(count as u64);
        Ok(count)
    }
}

/// A progress bar over the bytes of all files: on a terminal only, and only for who has to wait.
#[derive(Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    /// When the bar comes into sight; `None` once it has.
    shown_from: Rc<Cell<Option<Instant>>>,
}

impl Progress {
    pub(super) fn over(files: &[&Path]) -> Progress {
        let size = |path: &&Path| fs::metadata(path).ok().filter(fs::Metadata::is_file);
        let total: Option<u64> = files.iter().map(|path| size(path).map(|file| file.len())).sum();
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = match total {
            Some(_) => "{wide_bar} {binary_bytes} of {binary_total_bytes}, {eta} left",
            None => "{spinner} {binary_bytes} read",
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well-formed"));
        Progress { bar, shown_from: Rc::new(Cell::new(Some(Instant::now() + QUIET))) }
    }

    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
        if self.shown_from.get().is_some_and(|from| Instant::now() >= from) {
            // Draws nothing where standard error is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.shown_from.set(None);
        }
    }

    /// Runs what prints, with the bar out of its way.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
