//! Price and size as an exchange wrote them, and the two volumes of a trade; knows no exchange.

use std::fmt;
use std::str::FromStr;

use ethnum::U256;

use super::{Decimal, LIMIT, NumberError, ONE, WIRE_DIGITS, shortened};

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
    /// Greater than zero; base units, but for inverse contracts quote units.
    Size
}

/// Price and size of a trade, and what it moved in base and in quote units.
///
/// Of a trade sized in base units, `quote` is exactly price times size; one whose product would
/// need rounding cannot be built. Of an inverse contract, which is sized in quote units, `quote` is
/// the size, and `base` is size / price rounded once, half to even, at 18 decimals: it has no
/// finite decimal. Sums of either are exact, and so they do not depend on any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    price: Price,
    size: Size,
    base: Decimal,
    quote: Decimal,
    inverse: bool,
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
            Ok(units) if units <= LIMIT => {
                Ok(Fill { price, size, base: s, quote: Decimal(units), inverse: false })
            }
            _ => Err(inexact),
        }
    }

    /// Of a contract that is sized in quote units.
    pub fn inverse(price: Price, size: Size) -> Result<Fill, NumberError> {
        let (p, s) = (price.value(), size.value());
        let base = s.checked_div_rounded(p).filter(|base| *base > Decimal::ZERO);
        let base = base.ok_or(NumberError::NoBase { price: p, size: s })?;
        Ok(Fill { price, size, base, quote: s, inverse: true })
    }

    pub fn price(&self) -> Price {
        self.price
    }

    /// As the exchange wrote it.
    pub fn size(&self) -> Size {
        self.size
    }

    pub fn is_inverse(&self) -> bool {
        self.inverse
    }

    /// What was traded, in base units.
    pub fn base(&self) -> Decimal {
        self.base
    }

    /// What was paid, in quote units.
    pub fn quote(&self) -> Decimal {
        self.quote
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: (&str, &str)) -> (Price, Size) {
        (text.0.parse().expect("price"), text.1.parse().expect("size"))
    }

    fn fill(price: &str, size: &str) -> Result<Fill, NumberError> {
        let (price, size) = of((price, size));
        Fill::new(price, size)
    }

    fn inverse(price: &str, size: &str) -> Result<Fill, NumberError> {
        let (price, size) = of((price, size));
        Fill::inverse(price, size)
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
    fn an_inverse_size_is_the_quote_volume_and_its_base_is_rounded_once() {
        // Deribit's own bar of such a minute says volume 0.02120555, cost 670.0.
        let one = inverse("31595.5", "670.0").expect("a fill");
        assert_eq!(
            (one.quote().to_string(), one.size().to_string()),
            ("670".into(), "670.0".into())
        );
        assert_eq!(one.base().to_string(), "0.021205551423462202");
        assert_eq!(inverse("3", "2").expect("a fill").base().to_string(), "0.666666666666666667");
        let vanished = inverse("999999999999999", "0.0001").expect_err("19 zeros").to_string();
        assert_eq!(vanished, "0.0001 / 999999999999999 does not fit 20 digits and 18 decimals");
        assert!(inverse("0.000000000000000001", "999999999999999").is_err(), "33 digits");
    }
}
