//! How SQLite orders decimals, which are text there: as numbers; computes nothing.

use std::cmp::Ordering;

use market::Decimal;

/// The collation that the decimal columns name. SQLite's own shell knows one of this name that
/// orders alike; a program that registers none is refused when it compares, and orders nothing
/// wrongly.
pub const DECIMAL: &str = "decimal";

/// [`DECIMAL`], for programs that open the file by themselves. What is no number comes after all
/// that are.
pub fn decimal_order(one: &str, other: &str) -> Ordering {
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.cmp(other),
    }
}

/// The order flow of books may be negative, and a query may ask for more than any number.
fn number(text: &str) -> Option<Decimal> {
    match text.strip_prefix('-') {
        Some(text) => Decimal::ZERO.checked_sub(text.parse().ok()?),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_by_their_value_and_come_before_what_is_none() {
        let ascending = [
            "-99999999999999999999.999999999999999999",
            "-9",
            "-0.000000000000000001",
            "0",
            "0.000000000000000001",
            "9",
            "10",
            "10.000000000000000001",
            "99999999999999999999.999999999999999999",
            "",
            "Infinity",
            "NaN",
        ];
        for (at, one) in ascending.iter().enumerate() {
            for (other_at, other) in ascending.iter().enumerate() {
                assert_eq!(decimal_order(one, other), at.cmp(&other_at), "{one} and {other}");
            }
        }
        assert_eq!(decimal_order("1.50", "1.5"), Ordering::Equal);
        assert_eq!(decimal_order("-0", "0.0"), Ordering::Equal);
    }
}
