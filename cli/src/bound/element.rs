//! Elements of the scalar field as arguments.

use std::str::FromStr;

use alloy::primitives::U256;
use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::PrimeField;

/// An element of the scalar field: a decimal number, or `0x` and at most 64 hex digits, below the field's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element(pub Fr);

impl FromStr for Element {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = number(text)?;
        let value = Fr::from_repr(number.to_le_bytes());
        Option::from(value).map(Self).ok_or_else(|| {
            format!("{text} is not below the order of the scalar field of BN254, 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001")
        })
    }
}

/// A number of at most 256 bits: decimal, or `0x` and hex digits.
///
/// # Errors
/// What else the text is.
pub fn number(text: &str) -> Result<U256, String> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let number = plain.then(|| U256::from_str_radix(digits, radix.into()).ok());
    number.flatten().ok_or_else(|| {
        format!("{text:?} is no number of at most 256 bits, expected decimal digits, or 0x and hex digits")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_canonical() {
        let of = |text: &str| Element::from_str(text).map(|e| e.0);
        assert_eq!(of("7"), Ok(Fr::from(7)));
        assert_eq!(of("0x0a"), Ok(Fr::from(10)));
        let last = "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000";
        assert_eq!(of(last), Ok(-Fr::from(1)));
        for text in [
            "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001",
            "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "21888242871839275222246405745257275088548364400416034343698204186575808495617",
        ] {
            assert!(of(text).unwrap_err().contains("not below"), "{text}");
        }
        let longer = format!("0x1{}", "0".repeat(64));
        for text in ["", "0x", "-1", "+1", "1_000", "0X1", "0x1g", "1.0", &longer] {
            assert!(of(text).unwrap_err().contains("no number"), "{text}");
        }
    }
}
