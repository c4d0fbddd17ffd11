//! The receipt of a day: what its files were made of, so that nobody has to read them to know
//! whether they are of all its objects; decides nothing.

use std::collections::BTreeMap;

use anyhow::Context;
use lake::{DayKey, ObjectKey};
use market::Symbol;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use xxhash_rust::xxh3::Xxh3Default;

/// Of the files' columns and of the rules behind them: another number makes every day anew.
const LAYOUT: u32 = 1;

/// One day of one exchange, as it was compacted last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    layout: u32,
    pub objects: Objects,
    /// Lines that only repeat a trade, or contradict one, and are in no file.
    pub duplicates: u64,
    pub conflicts: u64,
    /// Lines that were refused, and objects that could not be read: what they held is in no file.
    pub refused: u64,
    pub unreadable: u64,
    pub files: BTreeMap<Symbol, File>,
}

/// The objects of a day, whose names tell them apart: an object never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    pub count: u64,
    pub names: String,
}

/// A symbol's file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Rows: each is one distinct trade, or one aggregate trade of several fills.
    pub rows: u64,
    /// Raw trades that they cover.
    pub trades: u64,
    pub bytes: u64,
}

impl Objects {
    pub(crate) fn of(keys: &[ObjectKey]) -> Objects {
        let mut hash = Xxh3Default::new();
        for key in keys {
            hash.update(key.to_string().as_bytes());
            hash.update(b"\n");
        }
        Objects { count: keys.len() as u64, names: format!("{:032x}", hash.digest128()) }
    }
}

impl Receipt {
    pub(crate) fn new(objects: Objects) -> Receipt {
        let (duplicates, conflicts, refused, unreadable) = (0, 0, 0, 0);
        let files = BTreeMap::new();
        Receipt { layout: LAYOUT, objects, duplicates, conflicts, refused, unreadable, files }
    }

    /// Reads what `Receipt::text` writes.
    pub fn read(text: &[u8]) -> anyhow::Result<Receipt> {
        serde_json::from_slice(text).context("what lies in the place of the receipt is none")
    }

    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("a receipt is JSON");
        text.push(b'\n');
        text
    }

    /// Whether files of this receipt are what these objects give.
    pub(crate) fn is_of(&self, objects: &Objects) -> bool {
        self.layout == LAYOUT && self.objects == *objects
    }

    /// Raw trades in all files.
    pub fn trades(&self) -> u64 {
        self.files.values().map(|file| file.trades).sum()
    }

    pub(crate) fn tell(&self, day: &DayKey) {
        let (files, trades, objects) = (self.files.len(), self.trades(), self.objects.count);
        info!(%day, files, trades, objects, "{day}: {trades} trades of {objects} objects");
        let Receipt { conflicts, refused, unreadable, .. } = self;
        if conflicts + refused + unreadable > 0 {
            warn!(%day, "{day}: {conflicts} lines contradict others, {refused} are refused, \
                {unreadable} objects cannot be read: what they held is in no file");
        }
    }
}
