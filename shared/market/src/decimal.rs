//! Exact decimal numbers of at most 18 decimals; not a general number type: there is no rounding
//! addition, no float, and nothing that could lose a digit without saying so.

use std::fmt;
use std::str::FromStr;

use ethnum::U256;
use serde::{Deserialize, Serialize};

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
        if self.0 < 0 || divisor.0 <= 0 {
            return None;
        }
        let divisor = U256::from(divisor.0.unsigned_abs());
        let scaled = U256::from(self.0.unsigned_abs()) * U256::from(ONE);
        let (quotient, twice_rest) = (scaled / divisor, scaled % divisor * 2);
        let odd = quotient % 2 == 1;
        let up = twice_rest > divisor || (twice_rest == divisor && odd);
        let quotient = if up { quotient + 1 } else { quotient };
        i128::try_from(quotient).ok().filter(|units| *units <= LIMIT).map(Decimal)
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
        let fraction = self.0.unsigned_abs() % ONE;
        let decimals =
            (0..DECIMALS).take_while(|n| !fraction.is_multiple_of(10u128.pow(DECIMALS - n)));
        self.fmt_with(decimals.count(), out)
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

/// A positive number as an exchange wrote it: prints with the decimals it was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    value: Decimal,
    decimals: u8,
}

impl Written {
    fn parse(text: &str) -> Result<Written, NumberError> {
        let (value, decimals) = Decimal::parse(text, WIRE_DIGITS)?;
        if value == Decimal::ZERO {
            return Err(NumberError::NotPositive(shortened(text)));
        }
        Ok(Written { value, decimals })
    }
}

macro_rules! written {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(Written);

        impl $name {
            pub fn value(self) -> Decimal {
                self.0.value
            }
        }

        impl FromStr for $name {
            type Err = NumberError;

            fn from_str(text: &str) -> Result<$name, NumberError> {
                Written::parse(text).map($name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.value.fmt_with(usize::from(self.0.decimals), out)
            }
        }
    };
}

written! {
    /// Quote units per base unit, greater than zero.
    Price
}
written! {
    /// Base units, greater than zero.
    Size
}

/// Price, size and their exact product: a trade whose product would need rounding cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    price: Price,
    size: Size,
    quote: Decimal,
}

impl Fill {
    pub fn new(price: Price, size: Size) -> Result<Fill, NumberError> {
        let (p, s) = (price.value(), size.value());
        let product = U256::from(p.0.unsigned_abs()) * U256::from(s.0.unsigned_abs());
        let inexact = NumberError::Inexact { price: p, size: s };
        if product % U256::from(ONE) != 0 {
            return Err(inexact);
        }
        match i128::try_from(product / U256::from(ONE)) {
            Ok(units) if units <= LIMIT => Ok(Fill { price, size, quote: Decimal(units) }),
            _ => Err(inexact),
        }
    }

    pub fn price(&self) -> Price {
        self.price
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// Price times size, in quote units.
    pub fn quote(&self) -> Decimal {
        self.quote
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

    fn fill(price: &str, size: &str) -> Result<Fill, NumberError> {
        Fill::new(price.parse().expect("price"), size.parse().expect("size"))
    }

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
    fn products_are_exact_or_refused() {
        assert_eq!(
            fill("43000.01000000", "0.00123000").expect("exact").quote().to_string(),
            "52.8900123"
        );
        let smallest = fill("0.000000001", "0.000000001").expect("exact");
        assert_eq!(smallest.quote().to_string(), "0.000000000000000001");
        assert!(fill("0.0000000001", "0.000000001").is_err(), "19 decimals");
        assert!(fill("999999999999999", "999999999999999").is_err(), "30 digits");
    }

    #[test]
    fn sums_stop_at_38_digits() {
        let most = "99999999999999999999.999999999999999999".parse::<Decimal>().expect("38 digits");
        assert_eq!(most.checked_add("0.000000000000000001".parse().expect("one unit")), None);
        assert!("100000000000000000000".parse::<Decimal>().is_err());
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
