//! The claims of a group as sums over plain blocks.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::{EvalClaim, Wire};
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::poly::eq;

use super::outer::Kernel;

/// `Σ scalar · Σ_y kernel(y)·block(y)` over blocks of one size at one point.
#[derive(Clone, Debug)]
pub struct PointClaims {
    /// Point inside the blocks.
    pub point: Vec<Fr>,
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
                let kernel = match term.wire {
                    Wire::Previous => Kernel::Previous,
                    _ => Kernel::Equal,
                };
                for (point, scalar, block) in plain(term.wire, &claim.point, scalar, &term.block) {
                    let known = points[first..].iter_mut().find(|p| {
                        p.point == point && p.kernel == kernel && p.terms[0].1.log == block.log
                    });
                    match known {
                        Some(known) => known.terms.push((scalar, block)),
                        None => points.push(PointClaims {
                            point,
                            kernel,
                            terms: vec![(scalar, block)],
                        }),
                    }
                }
            }
            power *= eta;
        }
        Self { points }
    }
}

/// A wired term as plain blocks; of [`Wire::Previous`] as the block that its kernel shifts.
fn plain(wire: Wire, point: &[Fr], scalar: Fr, block: &Block) -> Vec<(Vec<Fr>, Fr, Block)> {
    match wire {
        Wire::Direct | Wire::Previous => vec![(point.to_vec(), scalar, *block)],
        Wire::Last { count, log } => {
            let selector = eq::table(&point[..log])[count - 1];
            vec![(point[log..].to_vec(), scalar * selector, *block)]
        }
        Wire::Next { count, log } => {
            let stack = eq::table(&point[..log]);
            let size = block.log - log;
            (1..count)
                .map(|l| {
                    let block = Block {
                        poly: block.poly,
                        offset: block.offset + (l << size),
                        log: size,
                    };
                    (point[log..].to_vec(), scalar * stack[l - 1], block)
                })
                .collect()
        }
    }
}
