//! A number that may be negative, as text: what a field is read and written with that no sum of
//! trades is in.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Decimal;

pub(crate) fn serialize<S: Serializer>(number: &Decimal, to: S) -> Result<S::Ok, S::Error> {
    number.serialize(to)
}

pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Decimal, D::Error> {
    let text = String::deserialize(from)?;
    Decimal::from_signed(&text).map_err(de::Error::custom)
}
