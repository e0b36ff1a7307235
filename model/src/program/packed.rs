//! How weights are stored: a byte each, or two bits each where all of them are -1, 0 or 1.
//!
//! Two-bit codes 0, 1, 2 stand for -1, 0, 1; byte `i` holds those of weights `4i..4i+4`, the first in the
//! lowest bits. Code 3 and set bits after the last weight are refused, so a list of weights has one
//! packed form. Formats for people, such as JSON, hold plain numbers.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is written.
#[derive(Serialize)]
enum Written<'w> {
    Bytes(&'w [i8]),
    Packed { count: u64, codes: Vec<u8> },
}

/// What is read.
#[derive(Deserialize)]
enum Read {
    Bytes(Vec<i8>),
    Packed { count: u64, codes: Vec<u8> },
}

/// The codes of ternary weights, `None` if another integer is among them.
pub fn pack(weights: &[i8]) -> Option<Vec<u8>> {
    let ternary = weights.iter().all(|w| (-1..=1).contains(w));
    ternary.then(|| {
        let byte = |four: &[i8]| {
            let codes = four.iter().enumerate();
            codes.fold(0, |byte, (i, w)| byte | ((w + 1) as u8) << (2 * i))
        };
        weights.chunks(4).map(byte).collect()
    })
}

/// The weights of codes.
///
/// # Errors
/// What is wrong, in words.
pub fn unpack(count: u64, codes: &[u8]) -> Result<Vec<i8>, String> {
    let found = codes.len() as u64;
    if found != count.div_ceil(4) {
        return Err(format!(
            "{count} ternary weights in {found} bytes, expected {}",
            count.div_ceil(4)
        ));
    }
    let mut out: Vec<i8> = Vec::with_capacity(4 * codes.len());
    for (i, byte) in codes.iter().enumerate() {
        if byte & (byte >> 1) & 0x55 != 0 {
            return Err(format!(
                "byte {i} of ternary weights is {byte:#04x}: codes are 0, 1 and 2"
            ));
        }
        out.extend((0..4).map(|k| (byte >> (2 * k) & 3) as i8 - 1));
    }
    // Below 4 here, as the lengths fit.
    let spare = out.len() - out.len().min(count as usize);
    if out.drain(out.len() - spare..).any(|w| w != -1) {
        return Err("set bits after the last ternary weight".into());
    }
    Ok(out)
}

/// Writes weights, packed if they are ternary.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(weights: &[i8], serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        return weights.serialize(serializer);
    }
    match pack(weights).filter(|codes| !codes.is_empty()) {
        None => Written::Bytes(weights),
        Some(codes) => Written::Packed {
            count: weights.len() as u64,
            codes,
        },
    }
    .serialize(serializer)
}

/// Reads weights.
///
/// # Errors
/// Those of the deserializer, and codes that stand for no weight.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i8>, D::Error> {
    if deserializer.is_human_readable() {
        return Vec::deserialize(deserializer);
    }
    match Read::deserialize(deserializer)? {
        Read::Bytes(mut weights) => {
            // It grew by doubling.
            weights.shrink_to_fit();
            Ok(weights)
        }
        Read::Packed { count, codes } => unpack(count, &codes).map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::super::DenseWeights;
    use super::*;

    fn layer(weight: Vec<i8>) -> DenseWeights {
        DenseWeights {
            weight,
            bias: vec![],
            multiplier: vec![7],
        }
    }

    fn ternary(count: usize) -> Vec<i8> {
        (0..count)
            .map(|i| (i * i % 3) as i8 - (i % 2) as i8)
            .collect()
    }

    #[test]
    fn ternary_weights_take_two_bits() {
        for count in [0, 1, 2, 3, 4, 5, 100, 1001] {
            let layer = layer(ternary(count));
            let bytes = postcard::to_stdvec(&layer).unwrap();
            assert!(bytes.len() <= count.div_ceil(4) + 8, "{count}");
            assert_eq!(postcard::from_bytes::<DenseWeights>(&bytes).unwrap(), layer);
        }
        for odd in [2, -2, i8::MIN, i8::MAX] {
            let mut weights = ternary(100);
            weights[57] = odd;
            let layer = layer(weights);
            let bytes = postcard::to_stdvec(&layer).unwrap();
            assert!(bytes.len() > 100);
            assert_eq!(postcard::from_bytes::<DenseWeights>(&bytes).unwrap(), layer);
        }
    }

    #[test]
    fn json_has_numbers() {
        let text = serde_json::to_string(&layer(vec![1, 0, -1])).unwrap();
        assert_eq!(text, r#"{"weight":[1,0,-1],"bias":[],"multiplier":[7]}"#);
        let read: DenseWeights = serde_json::from_str(&text).unwrap();
        assert_eq!(read, layer(vec![1, 0, -1]));
    }

    #[test]
    fn malformed_codes_are_refused() {
        assert_eq!(unpack(5, &[0b0010_0100, 2]), Ok(vec![-1, 0, 1, -1, 1]));
        let wrong = |count, codes: &[u8]| unpack(count, codes).unwrap_err();
        for i in 0..4 {
            let error = wrong(8, &[0, 3 << (2 * i)]);
            assert!(
                error.contains("byte 1") && error.contains("codes are"),
                "{error}"
            );
        }
        for (count, codes) in [
            (5, &[0u8][..]),
            (5, &[0, 0, 0]),
            (4, &[0, 0]),
            (1, &[]),
            (0, &[0]),
        ] {
            assert!(wrong(count, codes).contains("expected"), "{count}");
        }
        assert!(wrong(u64::MAX, &[0]).contains("expected"));
        for byte in [0b0000_0100, 0b0001_0000, 0b1000_0000] {
            assert!(wrong(5, &[0, byte]).contains("after the last"), "{byte:#b}");
        }
        let file = [1, 5, 2, 0, 3, 0, 0];
        assert!(postcard::from_bytes::<DenseWeights>(&file).is_err());
        assert!(
            postcard::from_bytes::<DenseWeights>(&[2, 0, 0, 0]).is_err(),
            "unknown form"
        );
    }
}
