//! halo2's prover with a place for polynomials where it expects a commitment scheme.
//!
//! The prover uses what `commit` returns for nothing but the transcript, so a [`Store`] keeps each polynomial and hands out a point that stands for it; the
//! transcript finds the polynomial by that point. Of its queries the prover keeps the polynomials to itself: [`NoOpening`] drops them, and the transcript
//! opens what it was given.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use halo2_base::halo2_proofs::halo2curves::bn256::{Bn256, Fr, G1, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use halo2_base::halo2_proofs::poly::commitment::{
    Blind, CommitmentScheme, Params, ParamsProver, Prover,
};
use halo2_base::halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2_base::halo2_proofs::poly::kzg::msm::MSMKZG;
use halo2_base::halo2_proofs::poly::{Coeff, LagrangeCoeff, Polynomial, ProverQuery};
use halo2_base::halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

/// A polynomial as the prover had it.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// Values on the domain.
    Values(Polynomial<Fr, LagrangeCoeff>),
    /// Coefficients.
    Coefficients(Vec<Fr>),
}

#[derive(Debug, Default)]
struct Shelf {
    given: u64,
    polys: BTreeMap<[u8; 32], Kept>,
}

/// Keeps the polynomials of one proof.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    k: u32,
    shelf: Arc<Mutex<Shelf>>,
    /// What halo2's traits ask for and its prover does not use.
    unused: ParamsKZG<Bn256>,
}

impl Store {
    /// For circuits of 2^`k` rows.
    pub(crate) fn new(k: u32) -> Self {
        Self {
            k,
            shelf: Arc::default(),
            unused: ParamsKZG::setup(1, StdRng::from_seed([0; 32])),
        }
    }

    /// The polynomial that a point stands for.
    pub(super) fn take(&self, point: &G1Affine) -> Option<Kept> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.polys.remove(&point.x.to_repr())
    }

    fn keep(&self, poly: Kept) -> G1 {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.given += 1;
        let point = G1::generator() * Fr::from(shelf.given);
        shelf.polys.insert(point.to_affine().x.to_repr(), poly);
        point
    }
}

impl<'params> Params<'params, G1Affine> for Store {
    type MSM = MSMKZG<Bn256>;

    fn k(&self) -> u32 {
        self.k
    }

    fn n(&self) -> u64 {
        1 << self.k
    }

    fn downsize(&mut self, k: u32) {
        self.k = k;
    }

    fn empty_msm(&'params self) -> Self::MSM {
        MSMKZG::new()
    }

    fn commit_lagrange(&self, poly: &Polynomial<Fr, LagrangeCoeff>, _: Blind<Fr>) -> G1 {
        self.keep(Kept::Values(poly.clone()))
    }

    fn write<W: io::Write>(&self, _: &mut W) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn read<R: io::Read>(_: &mut R) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl<'params> ParamsProver<'params, G1Affine> for Store {
    type ParamsVerifier = ParamsKZG<Bn256>;

    fn new(k: u32) -> Self {
        Self::new(k)
    }

    fn commit(&self, poly: &Polynomial<Fr, Coeff>, _: Blind<Fr>) -> G1 {
        self.keep(Kept::Coefficients(poly.to_vec()))
    }

    fn get_g(&self) -> &[G1Affine] {
        self.unused.get_g()
    }

    fn verifier_params(&'params self) -> &'params Self::ParamsVerifier {
        &self.unused
    }
}

/// The store as a commitment scheme.
#[derive(Debug)]
pub(super) struct Scheme;

impl CommitmentScheme for Scheme {
    type Scalar = Fr;
    type Curve = G1Affine;
    type ParamsProver = Store;
    type ParamsVerifier = ParamsKZG<Bn256>;

    fn new_params(k: u32) -> Store {
        Store::new(k)
    }

    fn read_params<R: io::Read>(reader: &mut R) -> io::Result<Store> {
        Params::read(reader)
    }
}

/// Opens nothing.
#[derive(Debug)]
pub(super) struct NoOpening;

impl<'params> Prover<'params, Scheme> for NoOpening {
    const QUERY_INSTANCE: bool = false;

    fn new(_: &'params Store) -> Self {
        Self
    }

    fn create_proof<'com, E, T, R, I>(&self, _: R, _: &mut T, _: I) -> io::Result<()>
    where
        E: EncodedChallenge<G1Affine>,
        T: TranscriptWrite<G1Affine, E>,
        I: IntoIterator<Item = ProverQuery<'com, G1Affine>> + Clone,
        R: RngCore,
    {
        Ok(())
    }
}
