//! CatBoost's hashes of integer categories.
//!
//! CatBoost takes a category for text and knows it by the low 32 bits of its CityHash64 (version 1, Pike and Alakuijala
//! 2011). Whole numbers up to [`MAX_CODE`] have five digits at most, so that the two shortest cases of the hash are all
//! that is needed; a hash is turned back by hashing them all.

use std::collections::HashMap;

/// Largest code that hashes are turned back to.
pub(super) const MAX_CODE: u32 = 65_535;

const K2: u64 = 0x9ae1_6a3b_2f90_404f;
const K3: u64 = 0xc949_d7c7_509e_6557;
const MULTIPLIER: u64 = 0x9ddf_ea08_eb38_2d69;

/// Codes by the hashes of their decimal digits; few hashes have more than one.
pub(super) struct Codes(HashMap<u32, Vec<u32>>);

impl Codes {
    pub(super) fn new() -> Self {
        let mut codes: HashMap<u32, Vec<u32>> = HashMap::new();
        for code in 0..=MAX_CODE {
            codes.entry(hash(code)).or_default().push(code);
        }
        Self(codes)
    }

    /// The codes with a hash, ascending.
    pub(super) fn of(&self, hash: u32) -> Option<&[u32]> {
        self.0.get(&hash).map(Vec::as_slice)
    }
}

/// Low 32 bits of the hash of a code's digits.
fn hash(code: u32) -> u32 {
    let text = code.to_string();
    let bytes = text.as_bytes();
    let length = bytes.len() as u64;
    let byte = |at: usize| bytes.get(at).copied().map_or(0, u64::from);
    let word = |at: usize| (0..4).fold(0, |v, i| v | byte(at + i) << (8 * i));
    let mix = |v: u64| v ^ v >> 47;
    let whole = if bytes.len() < 4 {
        let first = byte(0) + (byte(bytes.len() / 2) << 8);
        let last = length + (byte(bytes.len() - 1) << 2);
        mix(first.wrapping_mul(K2) ^ last.wrapping_mul(K3)).wrapping_mul(K2)
    } else {
        let (low, high) = (length + (word(0) << 3), word(bytes.len() - 4));
        let once = mix((low ^ high).wrapping_mul(MULTIPLIER));
        mix((high ^ once).wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER)
    };
    whole as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a model that CatBoost 1.2.10 has saved, in which category 3 stands alone.
    #[test]
    fn hashes_are_catboosts() {
        assert_eq!(hash(3), 593_172_586);
        let codes = Codes::new();
        assert_eq!(codes.of(593_172_586), Some(&[3][..]));
        let all: usize = codes.0.values().map(Vec::len).sum();
        assert_eq!(all, MAX_CODE as usize + 1);
    }
}
