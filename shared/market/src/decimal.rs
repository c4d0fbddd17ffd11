//! Exact decimal numbers of at most 18 decimals; not a general number type: there is no rounding
//! addition, no float, and nothing that could lose a digit without saying so.

use std::fmt;
use std::str::FromStr;

use ethnum::U256;
use serde::{Deserialize, Serialize};

pub use fill::{Fill, Price, Size};

mod fill;
pub(crate) mod signed;

/// Decimals kept: the widest that `DECIMAL(38,18)` of every supported database holds.
pub const DECIMALS: u32 = 18;
const ONE: u128 = 10u128.pow(DECIMALS);
/// `DECIMAL(38,18)`: no stored number has more than 38 digits.
const LIMIT: i128 = 10i128.pow(38) - 1;
/// Integer digits of a sum; `LIMIT` leaves 20 before the point.
const SUM_DIGITS: usize = 20;
/// Integer digits of a price or size on the wire: above any market's, far below overflow.
const WIRE_DIGITS: usize = 15;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error(
        "{text:?} is not a plain decimal (1 to {digits} digits, then at most 18 decimals, no sign, \
         no exponent)"
    )]
    Grammar { text: String, digits: usize },
    #[error("{0:?} is not greater than zero")]
    NotPositive(String),
    #[error("{price} x {size} does not fit 20 digits and 18 decimals exactly")]
    Inexact { price: Decimal, size: Decimal },
    #[error("{size} / {price} does not fit 20 digits and 18 decimals")]
    NoBase { price: Decimal, size: Decimal },
}

/// An exact number in units of 10^-18, of at most 38 digits.
///
/// Prints without trailing zeros: equal numbers have equal text.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Decimal(i128);

impl Decimal {
    pub const ZERO: Decimal = Decimal(0);

    /// `None` if the sum has more than 38 digits. Sums of positive numbers fail or fit whatever
    /// their order.
    pub fn checked_add(self, other: Decimal) -> Option<Decimal> {
        self.0.checked_add(other.0).filter(|sum| sum.abs() <= LIMIT).map(Decimal)
    }

    /// `None` if the difference has more than 38 digits.
    pub fn checked_sub(self, other: Decimal) -> Option<Decimal> {
        self.0.checked_sub(other.0).filter(|difference| difference.abs() <= LIMIT).map(Decimal)
    }

    /// `self / divisor` rounded half to even at 18 decimals, for derived columns such as vwap that
    /// have no finite decimal; `None` for a zero divisor, a negative number, or a result of more
    /// than 38 digits.
    pub fn checked_div_rounded(self, divisor: Decimal) -> Option<Decimal> {
        if self.0 < 0 || divisor.0 < 0 {
            return None;
        }
        self.checked_mul_div_rounded(Decimal(ONE as i128), divisor, DECIMALS)
    }

    /// `self * factor / divisor` of any signs, rounded half to even at `decimals` (at most 18);
    /// `None` for a zero divisor or a result of more than 38 digits. The product is not rounded.
    pub fn checked_mul_div_rounded(
        self,
        factor: Decimal,
        divisor: Decimal,
        decimals: u32,
    ) -> Option<Decimal> {
        let positive = (self.0 < 0) == (factor.0 < 0);
        let positive = positive == (divisor.0 >= 0);
        // 76 digits at most: U256 holds 77.
        let product = U256::from(self.0.unsigned_abs()) * U256::from(factor.0.unsigned_abs());
        let step = 10u128.checked_pow(DECIMALS.checked_sub(decimals)?)?;
        let divisor = U256::from(divisor.0.unsigned_abs()) * U256::from(step);
        if divisor == 0 {
            return None;
        }
        let (quotient, twice_rest) = (product / divisor, product % divisor * 2);
        let odd = quotient % 2 == 1;
        let up = twice_rest > divisor || (twice_rest == divisor && odd);
        let quotient = if up { quotient + 1 } else { quotient };
        let units = i128::try_from(quotient).ok()?.checked_mul(i128::try_from(step).ok()?)?;
        Some(Decimal(if positive { units } else { -units })).filter(|it| it.0.abs() <= LIMIT)
    }

    /// `self / divisor` cut off behind `decimals` (at most 18), as some exchanges tell it; `None` for
    /// a zero divisor, a negative number, or a result of more than 38 digits.
    pub fn checked_div_cut(self, divisor: Decimal, decimals: u32) -> Option<Decimal> {
        if self.0 < 0 || divisor.0 <= 0 {
            return None;
        }
        let step = U256::from(10u128.checked_pow(DECIMALS.checked_sub(decimals)?)?);
        let product = U256::from(self.0.unsigned_abs()) * U256::from(ONE);
        let quotient = product / U256::from(divisor.0.unsigned_abs());
        let cut = i128::try_from(quotient / step * step).ok()?;
        Some(Decimal(cut)).filter(|it| it.0 <= LIMIT)
    }

    /// Rounded half to even at `decimals` (at most 18).
    pub fn rounded(self, decimals: u32) -> Option<Decimal> {
        self.checked_mul_div_rounded(Decimal(ONE as i128), Decimal(ONE as i128), decimals)
    }

    /// Digits behind the point, without zeros at the end.
    pub fn decimals(self) -> u32 {
        let fraction = self.0.unsigned_abs() % ONE;
        let needed = (0..DECIMALS).find(|n| fraction.is_multiple_of(10u128.pow(DECIMALS - n)));
        needed.unwrap_or(DECIMALS)
    }

    /// Exactly `self` times a number of microseconds, in seconds; `None` if it needs more than 18
    /// decimals or 38 digits. A number of at most 12 decimals never needs more than 18.
    pub fn checked_seconds(self, micros: u64) -> Option<Decimal> {
        let product = self.0.checked_mul(i128::from(micros))?;
        (product % 1_000_000 == 0).then_some(Decimal(product / 1_000_000))
    }

    /// Exactly the middle between two numbers; `None` if that has a 19th decimal.
    pub fn checked_middle(self, other: Decimal) -> Option<Decimal> {
        let sum = self.checked_add(other)?;
        (sum.0 % 2 == 0).then_some(Decimal(sum.0 / 2))
    }

    /// Reads a number that may be negative, of otherwise the grammar of a sum.
    pub fn from_signed(text: &str) -> Result<Decimal, NumberError> {
        match text.strip_prefix('-') {
            Some(rest) => rest.parse().map(|number: Decimal| Decimal(-number.0)),
            None => text.parse(),
        }
    }

    /// The number in units of 10^-18.
    pub fn units(self) -> i128 {
        self.0
    }

    /// The number as bytes for hashing: equal numbers give equal bytes.
    pub(crate) fn to_le_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// Reads `digits[.decimals]`; returns the number and how many decimals were written.
    fn parse(text: &str, integer_digits: usize) -> Result<(Decimal, u8), NumberError> {
        let refuse = || NumberError::Grammar { text: shortened(text), digits: integer_digits };
        let (integer, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(refuse()),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if integer.is_empty()
            || integer.len() > integer_digits
            || fraction.len() > DECIMALS as usize
            || !digits_only(integer)
            || !digits_only(fraction)
        {
            return Err(refuse());
        }
        // At most 20 + 18 digits: below 10^38, so nothing here can overflow an i128.
        let digits = integer.bytes().chain(fraction.bytes());
        let number = digits.fold(0i128, |number, digit| number * 10 + i128::from(digit - b'0'));
        let missing_zeros = DECIMALS - fraction.len() as u32;
        Ok((Decimal(number * 10i128.pow(missing_zeros)), fraction.len() as u8))
    }

    fn fmt_with(self, decimals: usize, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (integer, fraction) = (self.0.unsigned_abs() / ONE, self.0.unsigned_abs() % ONE);
        if decimals == 0 {
            return write!(out, "{sign}{integer}");
        }
        let fraction = format!("{fraction:018}");
        write!(out, "{sign}{integer}.{}", &fraction[..decimals])
    }
}

/// Reads a stored sum: unsigned, at most 20 digits before the point and 18 behind it.
impl FromStr for Decimal {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Decimal, NumberError> {
        Decimal::parse(text, SUM_DIGITS).map(|(number, _)| number)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_with(self.decimals() as usize, out)
    }
}

/// The largest has 38 digits with its decimals, and so fits.
impl From<u64> for Decimal {
    fn from(number: u64) -> Decimal {
        Decimal(i128::from(number) * ONE as i128)
    }
}

impl TryFrom<String> for Decimal {
    type Error = NumberError;

    fn try_from(text: String) -> Result<Decimal, NumberError> {
        text.parse()
    }
}

impl From<Decimal> for String {
    fn from(number: Decimal) -> String {
        number.to_string()
    }
}

/// Errors quote what they refuse, but never a hostile megabyte of it.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 48;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_the_exchange_wrote_and_sums_without_trailing_zeros() {
        for text in ["43000.01000000", "0.00123000", "1", "999999999999999.000000000000000001"] {
            assert_eq!(text.parse::<Price>().expect(text).to_string(), text);
        }
        let sum = "1.50".parse::<Decimal>().expect("sum");
        assert_eq!(sum.to_string(), "1.5");
        assert_eq!(sum.checked_sub(sum), Some(Decimal::ZERO));
        assert_eq!(Decimal::ZERO.checked_sub(sum).expect("fits").to_string(), "-1.5");
        assert_eq!("10".parse::<Decimal>().expect("ten").to_string(), "10");
    }

    #[test]
    fn what_other_parsers_let_through_is_refused() {
        let refused = [
            "1e18",
            "1_000",
            "+1",
            "-1",
            ".5",
            "1.",
            "",
            " 1",
            "NaN",
            "inf",
            "-inf",
            "Infinity",
            "1e999999999",
            "1.2.3",
            "1234567890123456",
            "0.0000000000000000001",
            "١",
        ];
        for text in refused {
            assert!(matches!(text.parse::<Size>(), Err(NumberError::Grammar { .. })), "{text}");
            // A sum, as it comes out of a database, may only be longer.
            let sum = text.parse::<Decimal>();
            let long = text == "1234567890123456";
            assert_eq!(matches!(sum, Err(NumberError::Grammar { .. })), !long, "{text}");
        }
        assert_eq!("0.000".parse::<Size>(), Err(NumberError::NotPositive("0.000".into())));
    }

    #[test]
    fn sums_stop_at_38_digits() {
        let most = "99999999999999999999.999999999999999999".parse::<Decimal>().expect("38 digits");
        assert_eq!(most.checked_add("0.000000000000000001".parse().expect("one unit")), None);
        assert!("100000000000000000000".parse::<Decimal>().is_err());
    }

    #[test]
    fn ratios_take_signs_and_round_at_the_digit_asked_for() {
        let signed = |text: &str| Decimal::from_signed(text).expect(text);
        let ratio = |a: &str, b: &str, c: &str, decimals| {
            let number = signed(a).checked_mul_div_rounded(signed(b), signed(c), decimals);
            number.map(|number| number.to_string())
        };
        assert_eq!(ratio("-1", "2", "3", 4).as_deref(), Some("-0.6667"));
        assert_eq!(ratio("1", "2", "-3", 0).as_deref(), Some("-1"));
        assert_eq!(ratio("-1", "-1", "4", 1).as_deref(), Some("0.2"), "half to even");
        assert_eq!(ratio("-3", "1", "4", 1).as_deref(), Some("-0.8"), "half to even");
        assert_eq!(ratio("1", "1", "0", 4), None);
        let most = "99999999999999999999.999999999999999999";
        assert_eq!(ratio(most, most, most, 18).as_deref(), Some(most));
        assert_eq!(ratio(most, most, "1", 18), None, "58 digits");
        assert_eq!(ratio(most, most, "0.000000000000000001", 0), None, "76 digits");
    }

    #[test]
    fn spans_and_middles_are_exact_or_refused() {
        let number = |text: &str| text.parse::<Decimal>().expect(text);
        let seconds = |text: &str, micros| number(text).checked_seconds(micros);
        assert_eq!(seconds("0.01", 1_500_000), Some(number("0.015")));
        assert_eq!(seconds("0.000000000001", 1), Some(number("0.000000000000000001")));
        assert_eq!(seconds("0.0000000000001", 1), None, "19 decimals");
        assert_eq!(number("1.5").checked_middle(number("2")), Some(number("1.75")));
        assert_eq!(number("0.000000000000000001").checked_middle(Decimal::ZERO), None);
        assert_eq!(Decimal::from_signed("-0.5").expect("signed").to_string(), "-0.5");
        assert!(Decimal::from_signed("--1").is_err());
        assert!("-1".parse::<Decimal>().is_err(), "a sum of trades has no sign");
    }

    #[test]
    fn quotients_are_cut_off_where_it_is_said() {
        let cut = |a: &str, b: &str, decimals| {
            let (a, b) = (a.parse::<Decimal>().expect(a), b.parse::<Decimal>().expect(b));
            a.checked_div_cut(b, decimals).map(|number| number.to_string())
        };
        assert_eq!(cut("2", "3", 2).as_deref(), Some("0.66"));
        assert_eq!(cut("60.09", "0.6", 1).as_deref(), Some("100.1"));
        assert_eq!(cut("60.09", "0.6", 18).as_deref(), Some("100.15"));
        assert_eq!(cut("1", "0", 2), None);
        assert_eq!(cut("99999999999999999999", "0.000000000000000001", 0), None, "38 digits");
        assert_eq!(cut("1", "3", 19), None);
        let number = |text: &str| text.parse::<Decimal>().expect(text);
        assert_eq!(number("0.021205551423462202").rounded(8), Some(number("0.02120555")));
        let all = ["1", "1.50", "0.000000000000000001", "10"].map(|text| number(text).decimals());
        assert_eq!(all, [0, 1, 18, 0]);
    }

    #[test]
    fn quotients_round_half_to_even() {
        let divide = |a: &str, b: &str| {
            let (a, b) = (a.parse::<Decimal>().expect(a), b.parse::<Decimal>().expect(b));
            a.checked_div_rounded(b).map(|number| number.to_string())
        };
        assert_eq!(divide("1", "3").as_deref(), Some("0.333333333333333333"));
        assert_eq!(divide("2", "3").as_deref(), Some("0.666666666666666667"));
        assert_eq!(divide("0.000000000000000001", "2").as_deref(), Some("0"));
        assert_eq!(divide("0.000000000000000003", "2").as_deref(), Some("0.000000000000000002"));
        assert_eq!(divide("1", "0"), None);
    }
}
