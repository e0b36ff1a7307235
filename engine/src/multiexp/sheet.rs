//! Integers of one axis with the identities modulo the base field between them.

use halo2curves_axiom::bn256::Fr;

use super::chunks::{
    CARRY_LIMBS, CHUNKS, LIMB_BITS, LIMBS, QUOTIENT_OFFSET, carry_offset, chunk_views, contract,
};
use crate::backend::Backend;
use crate::claim::View;
use crate::field::pow2;
use crate::geometry::Block;

/// Witness of one identity `expression = k·q`.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Limbs of `k` and its offset.
    pub quotient: Vec<Block>,
    /// Limbs of each carry and its offset.
    pub carries: [Vec<Block>; CARRY_LIMBS.len()],
}

/// Columns of one axis.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// log2 of the axis.
    pub log: usize,
    /// Limbs of each integer, below 2^256.
    pub integers: Vec<Vec<Block>>,
    /// `4·(topmost limb)` of some integers, a limb itself: these are below 2^254.
    pub tops: Vec<(usize, Block)>,
    /// Identities.
    pub identities: Vec<Identity>,
}

/// Number of limbs of a sheet's row.
pub(super) fn row_limbs(integers: usize, tops: usize, identities: usize) -> usize {
    let identity = LIMBS + CARRY_LIMBS.iter().sum::<usize>();
    LIMBS * integers + tops + identity * identities
}

impl Sheet {
    /// A sheet of the blocks that `take` gives, [`row_limbs`] in all.
    pub(super) fn new(
        log: usize,
        integers: usize,
        tops: &[usize],
        identities: usize,
        take: &mut impl FnMut(usize) -> Vec<Block>,
    ) -> Self {
        Self {
            log,
            integers: (0..integers).map(|_| take(LIMBS)).collect(),
            tops: tops
                .iter()
                .flat_map(|i| take(1).into_iter().map(move |block| (*i, block)))
                .collect(),
            identities: (0..identities)
                .map(|_| Identity {
                    quotient: take(LIMBS),
                    carries: CARRY_LIMBS.map(&mut *take),
                })
                .collect(),
        }
    }

    /// Columns whose evaluations a proof sends: chunks of the integers, then of each identity's quotient,
    /// and its carries.
    pub fn views(&self) -> Vec<View> {
        let mut views: Vec<View> = self.integers.iter().flat_map(|i| chunk_views(i)).collect();
        for identity in &self.identities {
            let mut quotient = chunk_views(&identity.quotient);
            if let Some(last) = quotient.last_mut() {
                let (factor, log) = QUOTIENT_OFFSET;
                last.constant =
                    -Fr::from(factor) * pow2(log - (CHUNKS - 1) * super::chunks::BASE_BITS);
            }
            views.extend(quotient);
            for limbs in &identity.carries {
                let offset = -carry_offset(limbs.len());
                views.push(View::limbs(offset, limbs, LIMB_BITS));
            }
        }
        views
    }

    /// Number of [`Sheet::views`].
    pub fn view_count(&self) -> usize {
        CHUNKS * self.integers.len() + (CHUNKS + CARRY_LIMBS.len()) * self.identities.len()
    }

    /// Zero where `tops` are what they should be.
    pub fn top_views(&self) -> Vec<View> {
        let four = Fr::from(4);
        let all = self.tops.iter();
        all.filter_map(|(integer, top)| {
            let last = self.integers.get(*integer)?.last()?;
            let limb = View::block(*last);
            Some(limb.scale_add(-four, &View::block(*top)))
        })
        .collect()
    }
}

/// A sheet's row contracted with powers of `χ`: what identities are evaluated on.
#[derive(Clone, Debug)]
pub struct Row<S> {
    /// Contracted integers.
    pub integers: Vec<S>,
    /// `(χ - B)·c(χ) - q(χ)·k(χ)` of each identity.
    pub rests: Vec<S>,
}

/// Powers of the challenge that joins digits and identities.
#[derive(Clone, Debug)]
pub struct Challenge<S> {
    /// `χ`
    pub chi: S,
    /// `χ^5`: from an identity to the next.
    pub step: S,
    /// `χ - B`
    pub shifted: S,
    /// `-q(χ)`
    pub minus_modulus: S,
}

impl<S: Clone> Challenge<S> {
    /// Of `χ`.
    pub fn new<B: Backend<Scalar = S>>(backend: &mut B, chi: S) -> Self {
        let square = backend.mul(&chi, &chi);
        let fourth = backend.mul(&square, &square);
        let [q0, q1, q2] = super::chunks::modulus_chunks();
        Self {
            step: backend.mul(&fourth, &chi),
            shifted: backend.linear(
                -pow2(super::chunks::BASE_BITS),
                &[(Fr::from(1), chi.clone())],
            ),
            minus_modulus: backend.linear(-q0, &[(-q1, chi.clone()), (-q2, square)]),
            chi,
        }
    }

    /// Cuts the evaluations of [`Sheet::views`] into a row.
    pub fn row<B: Backend<Scalar = S>>(
        &self,
        backend: &mut B,
        sheet: &Sheet,
        evaluations: &[S],
    ) -> Row<S> {
        let split = (CHUNKS * sheet.integers.len()).min(evaluations.len());
        let (integers, identities) = evaluations.split_at(split);
        let integers = integers.chunks(CHUNKS);
        let integers = integers.map(|chunks| contract(backend, chunks, &self.chi));
        let integers = integers.collect();
        let rests = identities.chunks(CHUNKS + CARRY_LIMBS.len());
        let rests = rests.map(|values| {
            let (quotient, carries) = values.split_at(CHUNKS.min(values.len()));
            let quotient = contract(backend, quotient, &self.chi);
            let carries = contract(backend, carries, &self.chi);
            let carried = backend.mul(&carries, &self.shifted);
            backend.mul_add(&quotient, &self.minus_modulus, &carried)
        });
        Row {
            rests: rests.collect(),
            integers,
        }
    }

    /// `Σ values_i·step^i` of the identities that are checked, which is all of them ([`crate::switch`]).
    pub(super) fn join<B: Backend<Scalar = S>>(
        &self,
        backend: &mut B,
        mut values: Vec<S>,
        checked: &[bool],
    ) -> S {
        let unchecked = checked.iter().zip(&mut values).filter(|(on, _)| !**on);
        for (_, value) in unchecked {
            *value = backend.constant(Fr::from(0));
        }
        contract(backend, &values, &self.step)
    }
}
