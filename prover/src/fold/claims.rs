//! The claims of a group as sums over plain blocks.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::EvalClaim;
use laminate_engine::geometry::{Block, Poly};

use super::outer::Kernel;

/// `Σ scalar · Σ_y kernel(y)·block(y)` over blocks of one size at one point.
#[derive(Clone, Debug)]
pub struct PointClaims {
    /// What the blocks' entries are multiplied with.
    pub kernel: Kernel,
    /// Scalars and blocks.
    pub terms: Vec<(Fr, Block)>,
}

/// All claims on one polynomial, wires resolved.
#[derive(Clone, Debug)]
pub struct ClaimSet {
    /// By point.
    pub points: Vec<PointClaims>,
}

impl ClaimSet {
    /// The share of `poly` in `Σ_i η^i · claim_i`.
    pub fn new(claims: &[EvalClaim<Fr>], eta: Fr, poly: Poly) -> Self {
        let mut points: Vec<PointClaims> = vec![];
        let mut power = Fr::ONE;
        for claim in claims {
            let first = points.len();
            for term in claim.view.terms.iter().filter(|t| t.block.poly == poly) {
                let scalar = power * term.coefficient;
                let (mask, kernel) = match &term.wiring {
                    None => (Fr::ONE, Kernel::equal(&claim.point)),
                    Some(wiring) => Kernel::wired(wiring, &claim.point),
                };
                let scalar = scalar * mask;
                let known = points[first..].iter_mut().find(|p| p.kernel == kernel);
                match known {
                    Some(known) => known.terms.push((scalar, term.block)),
                    None => points.push(PointClaims {
                        kernel,
                        terms: vec![(scalar, term.block)],
                    }),
                }
            }
            power *= eta;
        }
        Self { points }
    }
}
