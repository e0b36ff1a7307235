//! The reference string's secret as contracts hold it.
//!
//! Both kinds of generated verifier end with the pairing `e(lhs, G2) · e(rhs, −[τ]_2) = 1`, and `−[τ]_2` is four constants of
//! the code. Which string a contract believes is therefore a fact of its code, whatever a file beside it says.

use halo2_base::halo2_proofs::halo2curves::{
    CurveAffine,
    bn256::{Fq, Fq2, G2Affine},
    ff::PrimeField,
};

use super::Word;
use crate::srs::{development_s_g2, known_ceremony};

/// `−[τ]_2` in the order of the pairing's input: `x1, x0, y1, y0`, big-endian.
#[must_use]
pub fn secret_words(s_g2: &G2Affine) -> [Word; 4] {
    let G2Affine { x, y } = -*s_g2;
    let [Fq2 { c0: x0, c1: x1 }, Fq2 { c0: y0, c1: y1 }] = [x, y];
    [x1, x0, y1, y0].map(|coordinate| {
        let mut word = coordinate.to_repr();
        word.reverse();
        word
    })
}

/// Whether code, of creation or at run time, holds `[τ]_2` of the development string, whose secret is public.
///
/// A coordinate of x is enough: the point and its negative have it, and no other point of use. Meant for contracts that are what they say: code that
/// was written to hide its constants is found by deriving it again.
#[must_use]
pub fn holds_development_secret(code: &[u8]) -> bool {
    let [x1, x0, ..] = secret_words(&development_s_g2());
    [x1, x0].iter().any(|word| {
        // Compilers push constants without leading zeros.
        let zeros = word.iter().take_while(|byte| **byte == 0).count();
        let digits = word.get(zeros..).unwrap_or_default();
        code.windows(digits.len().max(1))
            .any(|window| window == digits)
    })
}

/// Whose `[τ]_2` these words are: the development string's, a ceremony's, or `None` if this program knows neither.
#[must_use]
pub fn secret_origin(words: &[Word; 4]) -> Option<&'static str> {
    let s_g2 = secret_point(words)?;
    if s_g2 == development_s_g2() {
        return Some("DEV (public secret)");
    }
    known_ceremony(&s_g2)
}

/// The inverse of [`secret_words`]; `None` if they are of no point.
#[must_use]
pub fn secret_point(words: &[Word; 4]) -> Option<G2Affine> {
    let coordinate = |word: &Word| {
        let mut bytes = *word;
        bytes.reverse();
        Option::<Fq>::from(Fq::from_repr(bytes))
    };
    let [x1, x0, y1, y0] = words.each_ref().map(coordinate);
    let x = Fq2 { c0: x0?, c1: x1? };
    let y = Fq2 { c0: y0?, c1: y1? };
    Some(-Option::<G2Affine>::from(G2Affine::from_xy(x, y))?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use halo2_base::halo2_proofs::halo2curves::{
        bn256::{Fr, G2},
        group::Curve,
    };

    #[test]
    fn the_development_secret_is_found_in_code() {
        let words = secret_words(&development_s_g2());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/script/Deploy.s.sol");
        let script = std::fs::read_to_string(script).unwrap();
        for word in &words[..2] {
            let digits: String = word.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(script.contains(&format!("0x{digits};")), "{digits}");
        }
        let code = |word: &[u8]| [&[0x60, 0x01, 0x7f], word, &[0x52]].concat();
        assert!(holds_development_secret(&code(&words[0])));
        assert!(holds_development_secret(&code(&words[1])));
        let negative = secret_words(&-development_s_g2());
        assert_eq!(words[..2], negative[..2]);
        let other = secret_words(&(G2::generator() * Fr::from(1 << 40)).to_affine());
        for word in other {
            assert!(!holds_development_secret(&code(&word)));
        }
        assert!(!holds_development_secret(&[]));
        assert_eq!(secret_point(&words), Some(development_s_g2()));
        assert_eq!(secret_origin(&words), Some("DEV (public secret)"));
        assert_eq!(secret_origin(&negative), None);
        assert_eq!(secret_origin(&[[0xff; 32]; 4]), None);
    }
}
