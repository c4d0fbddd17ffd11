//! A stored row beside the one that a fold gives: which fields differ; reads neither.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// One field of one row, as both sides have it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    field: String,
    stored: String,
    folded: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { field, stored, folded } = self;
        write!(out, "{field}: stored {stored}, folded {folded}")
    }
}

/// All fields that differ, in the order of their names. Both are rows of one table.
pub(super) fn differences<R: Serialize>(stored: &R, folded: &R) -> Vec<Difference> {
    let (stored, mut folded) = (fields(stored), fields(folded));
    let differs = |(field, stored): (String, String)| {
        let folded = folded.remove(&field).expect("two rows have the same fields");
        (stored != folded).then_some(Difference { field, stored, folded })
    };
    stored.into_iter().filter_map(differs).collect()
}

fn fields<R: Serialize>(row: &R) -> BTreeMap<String, String> {
    let row = serde_json::to_value(row).expect("a row is JSON");
    let Value::Object(fields) = row else { panic!("a row is an object") };
    let text = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    fields.into_iter().map(|(field, value)| (field, text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        close: &'static str,
        first_id: Option<u64>,
        count: u64,
    }

    #[test]
    fn each_field_that_differs_is_told_and_no_other() {
        let row = |close, first_id| Row { close, first_id, count: 3 };
        assert_eq!(differences(&row("1.5", Some(7)), &row("1.5", Some(7))), []);
        let told: Vec<_> = differences(&row("1.5", None), &row("1.50", Some(7)))
            .iter()
            .map(Difference::to_string)
            .collect();
        assert_eq!(told, ["close: stored 1.5, folded 1.50", "first_id: stored null, folded 7"]);
    }
}
