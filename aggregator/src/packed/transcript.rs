//! The prover's transcript: it puts packs in the place of halo2's commitments, and then opens them.

use std::io;

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use halo2_base::halo2_proofs::poly::{EvaluationDomain, Rotation};
use halo2_base::halo2_proofs::transcript::{EncodedChallenge, Transcript, TranscriptWrite};
use laminate_prover::kernels::msm;
use rayon::prelude::*;
use snark_verifier::loader::native::NativeLoader;
use snark_verifier::system::halo2::transcript::evm::{ChallengeEvm, EvmTranscript};

use super::layout::{Group, Layout, Pack};
use super::polynomial::{add_scaled, divide, evaluate, interleave};
use super::store::{Kept, Store};

type Keccak = EvmTranscript<G1Affine, NativeLoader, Vec<u8>, Vec<u8>>;
type Challenge = ChallengeEvm<G1Affine>;

/// What the prover works with.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub layout: &'a Layout,
    pub domain: &'a EvaluationDomain<Fr>,
    pub powers: &'a [G1Affine],
    pub store: &'a Store,
    /// Where the transcript starts.
    pub state: Fr,
}

/// The transcript.
pub(super) struct Writer<'a> {
    setting: Setting<'a>,
    inner: Keccak,
    started: bool,
    /// Groups that are committed to.
    done: usize,
    /// Polynomials of the next.
    pending: Vec<Vec<Fr>>,
    random: Vec<Fr>,
    /// Members of each pack, the key's first.
    packs: Vec<Vec<Vec<Fr>>>,
    x: Option<Fr>,
}

impl<'a> Writer<'a> {
    /// An empty proof; `key` are the members of the key's packs.
    pub(super) fn new(setting: Setting<'a>, key: Vec<Vec<Vec<Fr>>>) -> Self {
        Self {
            setting,
            inner: Keccak::new(vec![]),
            started: false,
            done: 0,
            pending: vec![],
            random: vec![],
            packs: key,
            x: None,
        }
    }

    /// Opens all packs; the proof.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        let x = self.x.ok_or_else(|| out_of_step("it drew no point"))?;
        let layout = self.setting.layout;
        for (poly, rotation) in &layout.extra {
            let point = self.setting.domain.rotate_omega(x, Rotation(*rotation));
            let member = self.column(*poly);
            let member = member.ok_or_else(|| out_of_step("a column is missing"))?;
            let value = evaluate(member, point);
            TranscriptWrite::<G1Affine, Challenge>::write_scalar(&mut self.inner, value)?;
        }
        let v = self.challenge();
        let mut quotient = vec![];
        let mut factor = Fr::ONE;
        for (pack, members) in layout.packs.iter().zip(&self.packs) {
            let points = self.points(pack, x);
            let quotients: Vec<Vec<Fr>> = members
                .par_iter()
                .map(|member| {
                    let divided = points.iter();
                    divided.fold(member.clone(), |poly, point| divide(&poly, *point))
                })
                .collect();
            add_scaled(&mut quotient, factor, &interleave(&quotients));
            factor *= v;
        }
        self.commit(&quotient)?;
        let y = self.challenge();
        let last = self.last_quotient(&quotient, x, v, y)?;
        self.commit(&last)?;
        Ok(self.inner.finalize())
    }

    /// `(Σ c_i·p_i − Z_0(y)·W)/(Y − y)` with `c_i = v^i·Z_0(y)/Z_i(y)`: remainders of the packs are constants, which leave the quotient as it is.
    fn last_quotient(&self, quotient: &[Fr], x: Fr, v: Fr, y: Fr) -> io::Result<Vec<Fr>> {
        let layout = self.setting.layout;
        let mut sum = vec![];
        let mut factor = Fr::ONE;
        let mut first = None;
        for (pack, members) in layout.packs.iter().zip(&self.packs) {
            let at = y.pow_vartime([pack.members.len() as u64]);
            let points = self.points(pack, x);
            let vanishing = points.iter().fold(Fr::ONE, |z, point| z * (at - point));
            let of_key = *first.get_or_insert(vanishing);
            let inverse = Option::<Fr>::from(vanishing.invert());
            let inverse = inverse.ok_or_else(|| out_of_step("a challenge hits a pole"))?;
            add_scaled(&mut sum, factor * of_key * inverse, &interleave(members));
            factor *= v;
        }
        add_scaled(&mut sum, -first.unwrap_or_default(), quotient);
        Ok(divide(&sum, y))
    }

    fn points(&self, pack: &Pack, x: Fr) -> Vec<Fr> {
        let domain = self.setting.domain;
        let rotations = pack.rotations.iter();
        rotations
            .map(|rotation| domain.rotate_omega(x, Rotation(*rotation)))
            .collect()
    }

    /// A committed column.
    fn column(&self, poly: usize) -> Option<&[Fr]> {
        let layout = self.setting.layout;
        let packs = layout.packs.iter().zip(&self.packs).skip(layout.key);
        let members = packs.flat_map(|(pack, members)| pack.members.iter().zip(members));
        let mut found = members.filter(|(member, _)| member.poly == poly);
        found.next().map(|(_, poly)| poly.as_slice())
    }

    fn challenge(&mut self) -> Fr {
        let challenge: Challenge = Transcript::squeeze_challenge(&mut self.inner);
        challenge.get_scalar()
    }

    fn commit(&mut self, poly: &[Fr]) -> io::Result<()> {
        let powers = self.setting.powers;
        if powers.len() < poly.len() {
            return Err(out_of_step(
                "a polynomial is longer than the reference string",
            ));
        }
        let point = msm::full(poly, powers).to_affine();
        TranscriptWrite::<G1Affine, Challenge>::write_point(&mut self.inner, point)
    }

    /// Commits to a pack of a proof.
    fn commit_pack(&mut self, members: Vec<Vec<Fr>>) -> io::Result<()> {
        self.commit(&interleave(&members))?;
        self.packs.push(members);
        Ok(())
    }

    fn groups(&self) -> &'a [Group] {
        &self.setting.layout.groups
    }
}

fn out_of_step(what: &str) -> io::Error {
    io::Error::other(format!("halo2's prover is not the one expected: {what}"))
}

impl Transcript<G1Affine, Challenge> for Writer<'_> {
    fn squeeze_challenge(&mut self) -> Challenge {
        let challenge: Challenge = Transcript::squeeze_challenge(&mut self.inner);
        if self.done == self.groups().len() {
            self.x.get_or_insert(challenge.get_scalar());
        }
        challenge
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        Transcript::<G1Affine, Challenge>::common_point(&mut self.inner, point)
    }

    /// The first scalar is halo2's digest of the key.
    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        let scalar = match std::mem::replace(&mut self.started, true) {
            true => scalar,
            false => self.setting.state,
        };
        Transcript::<G1Affine, Challenge>::common_scalar(&mut self.inner, scalar)
    }
}

impl TranscriptWrite<G1Affine, Challenge> for Writer<'_> {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        let group = self.groups().get(self.done).copied();
        let group = group.ok_or_else(|| out_of_step("it commits to more"))?;
        let poly = match self.setting.store.take(&point) {
            Some(Kept::Coefficients(poly)) => poly,
            Some(Kept::Values(poly)) => self.setting.domain.lagrange_to_coeff(poly).to_vec(),
            None => return Err(out_of_step("it writes a point of its own")),
        };
        self.pending.push(poly);
        let wanted = match group {
            Group::Pack(count) | Group::Quotient(count) => count,
            Group::Random => 1,
        };
        if self.pending.len() < wanted {
            return Ok(());
        }
        self.done += 1;
        let polys = std::mem::take(&mut self.pending);
        match group {
            Group::Pack(_) => self.commit_pack(polys),
            Group::Random => {
                self.random = polys.concat();
                Ok(())
            }
            Group::Quotient(_) => {
                let random = std::mem::take(&mut self.random);
                self.commit_pack(vec![polys.concat(), random])
            }
        }
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        TranscriptWrite::<G1Affine, Challenge>::write_scalar(&mut self.inner, scalar)
    }
}
