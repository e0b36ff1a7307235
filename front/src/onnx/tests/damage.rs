//! Truncated and altered bytes: an error or another model, never a panic.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::build::rich;
use crate::onnx::decode;

/// Byte flips tried on each file.
pub const FLIPS: usize = 20_000;

/// Imports every truncation and `FLIPS` random alterations of `bytes`; the test harness turns a panic
/// into a failure. What still imports must run.
pub fn damage(bytes: &[u8]) {
    // Long files: every length near the ends, and a sample between.
    let step = (bytes.len() / 4000).max(1);
    for length in (0..bytes.len()).filter(|n| n % step == 0 || *n < 1000 || bytes.len() - n < 1000)
    {
        assert!(
            decode(bytes[..length].to_vec()).is_err(),
            "truncated to {length}"
        );
    }
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut imported = 0;
    for _ in 0..FLIPS {
        let mut altered = bytes.to_vec();
        for _ in 0..rng.gen_range(1..4) {
            let at = rng.gen_range(0..altered.len());
            altered[at] ^= rng.r#gen::<u8>();
        }
        if let Ok(graph) = decode(altered) {
            let row = vec![0.5; graph.width(graph.input())];
            assert_eq!(graph.run(&[row]).unwrap().len(), 1);
            imported += 1;
        }
    }
    println!("{FLIPS} altered files: {imported} still import, the others are errors");
}

#[test]
fn built_model() {
    let bytes = rich().bytes();
    // The last field is the operator set, without which nothing imports.
    damage(&bytes);
}

#[test]
fn noise() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for length in 0..2000 {
        let bytes: Vec<u8> = (0..length % 97).map(|_| rng.r#gen()).collect();
        assert!(decode(bytes).is_err());
    }
}
