//! Many minutes at a glance: how many objects each has; reads none of them.

use std::collections::BTreeMap;

use market::Minute;
use market::time::MINUTES_PER_DAY;

use crate::key::{self, Area, Kind, MinutePrefix};
use crate::{Lake, LakeError};

/// How many objects each minute has that `read` would count, by its raw prefix.
pub type ObjectCounts = BTreeMap<MinutePrefix, u64>;

impl Lake {
    /// Counts the objects of all exchanges' minutes with `from <= minute < to`, strays included.
    /// Minutes without any are left out.
    pub async fn count_objects(
        &self,
        kind: Kind,
        from: Minute,
        to: Minute,
    ) -> Result<ObjectCounts, LakeError> {
        let mut counts = ObjectCounts::new();
        for area in Area::OF_ROWS {
            let folders = self.folders(&key::exchanges(area, kind)).await?;
            for exchange in folders.iter().filter_map(|folder| key::exchange_of(folder)) {
                // The folders of a day are in the order of their minutes.
                let mut first = from;
                while first < to {
                    let minute =
                        MinutePrefix { area, kind, exchange: exchange.clone(), minute: first };
                    let (day, after) = (minute.day(), minute.to_string());
                    for key in self.list_after(&day, &after, |key| key.prefix.minute < to).await? {
                        *counts.entry(key.prefix.within(Area::Raw)).or_default() += 1;
                    }
                    first = first.midnight().plus(MINUTES_PER_DAY);
                }
            }
        }
        Ok(counts)
    }
}
