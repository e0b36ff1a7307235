//! Times of this module; not a check.

use halo2_base::halo2_proofs::{
    arithmetic::g_to_lagrange,
    halo2curves::{bn256::G1Affine, group::prime::PrimeCurveAffine},
};
use tempfile::TempDir;

use super::{Srs, lagrange};

#[test]
#[ignore = "timing; run with --ignored --nocapture"]
fn time_of_the_development_string() {
    for k in [15, 18, 20] {
        let started = std::time::Instant::now();
        let srs = Srs::development(k).unwrap();
        let made = started.elapsed();
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("dev.srs");
        srs.save(&path).unwrap();
        let started = std::time::Instant::now();
        Srs::load(&path).unwrap();
        let loaded = started.elapsed();
        let started = std::time::Instant::now();
        srs.check().unwrap();
        println!(
            "k = {k}: made in {made:.2?}, loaded in {loaded:.2?}, checked in {:.2?}",
            started.elapsed()
        );
    }
    let (k, srs) = (12, Srs::development(12).unwrap());
    let started = std::time::Instant::now();
    let ours = lagrange::from_powers(srs.powers(), k);
    let elapsed = started.elapsed();
    let projective = srs.powers().iter().map(|point| point.to_curve()).collect();
    let started = std::time::Instant::now();
    let library: Vec<G1Affine> = g_to_lagrange(projective, k);
    println!(
        "Lagrange basis, k = {k}: {elapsed:.2?}, library {:.2?}",
        started.elapsed()
    );
    assert_eq!(ours, library);
}
