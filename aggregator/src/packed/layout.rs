//! Which polynomials share a commitment, and where each pack is opened.
//!
//! Everything here follows from the constraint system: it is the same for all keys of one.

use std::collections::BTreeSet;

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::plonk::ConstraintSystem;
use snark_verifier::verifier::plonk::PlonkProtocol;

use super::error::PackedError;

/// A polynomial `f(ω^rotation·X)` of a pack, `f` by its index in snark-verifier's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    /// Index of `f`.
    pub poly: usize,
    /// Its own rotation; 0 but in the key's pack.
    pub rotation: i32,
}

/// Most polynomials of a pack of the key. With one pack for all of them a multiplication less would be verified, and twice the powers of τ were needed.
const MOST_OF_KEY: usize = 16;

/// Polynomials behind one commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pack {
    /// In the order of their places.
    pub members: Vec<Member>,
    /// The pack is opened at `x·ω^rotation`, for each of these.
    pub rotations: Vec<i32>,
    /// Coefficients of the longest member in multiples of the rows.
    chunks: usize,
}

impl Pack {
    /// Of polynomials with as many coefficients as rows.
    fn of_columns(members: Vec<Member>, rotations: Vec<i32>) -> Self {
        Self {
            members,
            rotations,
            chunks: 1,
        }
    }

    /// Coefficients in multiples of the rows.
    pub(super) fn length(&self) -> usize {
        self.members.len() * self.chunks
    }
}

/// What the prover commits to next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// So many columns, which are a pack.
    Pack(usize),
    /// The random polynomial, which waits for the quotient.
    Random,
    /// The quotient in so many pieces; with the random polynomial it is a pack.
    Quotient(usize),
}

/// The packs of a constraint system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The key's, those of the columns as the prover commits to them, the quotient's.
    pub packs: Vec<Pack>,
    /// How many of them are the key's.
    pub key: usize,
    /// Evaluations that the constraints do not need and the opening does: polynomial and rotation.
    pub extra: Vec<(usize, i32)>,
    /// Evaluations that the constraints need.
    pub evaluations: usize,
    /// What the prover commits to, in order.
    pub(super) groups: Vec<Group>,
    /// Index of the first committed column.
    pub(super) first_column: usize,
    /// Committed columns and the random polynomial.
    pub(super) columns: usize,
    /// Of the instances.
    pub(super) instances: Vec<usize>,
    /// Polynomials of the key, before they are rotated.
    pub(super) preprocessed: usize,
}

impl Layout {
    /// That of a protocol.
    ///
    /// # Errors
    /// [`PackedError::Protocol`] for a protocol that is not halo2's over KZG.
    pub(crate) fn of(protocol: &PlonkProtocol<G1Affine>) -> Result<Self, PackedError> {
        let preprocessed = protocol.preprocessed.len();
        let first_column = preprocessed + protocol.num_instance.len();
        let columns: usize = protocol.num_witness.iter().sum();
        let quotient = first_column + columns;
        let random = quotient.saturating_sub(1);
        let queries: Vec<(usize, i32)> = protocol
            .queries
            .iter()
            .map(|query| (query.poly, query.rotation.0))
            .collect();
        let plain = protocol.linearization.is_none() && protocol.instance_committing_key.is_none();
        if !plain || columns == 0 || queries.iter().all(|query| query.0 != random) {
            return Err(PackedError::Protocol {
                reason: "it is not halo2's with a random polynomial, without linearization and without commitments to instances",
            });
        }
        let packs = key_packs(&queries, preprocessed)?;
        let mut layout = Self {
            key: packs.len(),
            packs,
            extra: vec![],
            evaluations: protocol.evaluations.len(),
            groups: vec![],
            first_column,
            columns,
            instances: protocol.num_instance.clone(),
            preprocessed,
        };
        let mut next = first_column;
        for count in &protocol.num_witness {
            let end = next + count;
            layout.add_columns(next..end.min(random), &queries);
            next = end;
        }
        let pieces = protocol.quotient.num_chunk();
        layout
            .groups
            .extend([Group::Random, Group::Quotient(pieces)]);
        let members = [quotient, random].map(|poly| Member { poly, rotation: 0 });
        layout.packs.push(Pack {
            members: members.to_vec(),
            rotations: vec![0],
            chunks: pieces,
        });
        Ok(layout)
    }

    /// The columns of a phase as a pack that is opened wherever one of them is.
    fn add_columns(&mut self, polys: std::ops::Range<usize>, queries: &[(usize, i32)]) {
        if polys.is_empty() {
            return;
        }
        let of_pack = queries.iter().filter(|query| polys.contains(&query.0));
        let mut rotations: BTreeSet<i32> = of_pack.map(|query| query.1).collect();
        if rotations.is_empty() {
            rotations.insert(0);
        }
        for poly in polys.clone() {
            let missing = rotations.iter().map(|rotation| (poly, *rotation));
            self.extra
                .extend(missing.filter(|query| !queries.contains(query)));
        }
        self.groups.push(Group::Pack(polys.len()));
        let members = polys.map(|poly| Member { poly, rotation: 0 });
        self.packs.push(Pack::of_columns(
            members.collect(),
            rotations.into_iter().collect(),
        ));
    }

    /// The packs of columns.
    pub(super) fn of_columns(&self) -> &[Pack] {
        let last = self.packs.len().saturating_sub(1);
        self.packs.get(self.key..last).unwrap_or_default()
    }

    /// Those of the key.
    pub(super) fn of_key(&self) -> &[Pack] {
        self.packs.get(..self.key).unwrap_or_default()
    }

    /// Powers of τ that a proof of 2^`k` rows needs.
    pub(crate) fn powers(&self, k: u32) -> usize {
        let length = self.packs.iter().map(Pack::length).max().unwrap_or(0);
        length << k
    }

    /// Bytes of a proof: the last word is the inverse that spares the contract an exponentiation.
    pub(crate) fn proof_length(&self) -> usize {
        self.body_length() + 32
    }

    /// Bytes of a proof but for that word.
    pub(crate) fn body_length(&self) -> usize {
        64 * (self.points_before() + 2) + 32 * self.scalars()
    }

    /// Points of a proof before its scalars; two and a word follow them.
    pub(crate) fn points_before(&self) -> usize {
        self.packs.len() - self.key
    }

    /// Scalars of a proof.
    pub(crate) fn scalars(&self) -> usize {
        self.evaluations + self.extra.len()
    }

    /// Refuses constraint systems whose blinding rows do not hide a pack: each opening of a column and its commitment take one.
    ///
    /// # Errors
    /// [`PackedError::Blinds`].
    pub(crate) fn check_blinds(&self, system: &ConstraintSystem<Fr>) -> Result<(), PackedError> {
        let found = system.blinding_factors();
        let columns = self.of_columns().iter();
        let needed = columns.map(|pack| pack.rotations.len() + 1).max();
        match needed {
            Some(needed) if needed > found => Err(PackedError::Blinds { needed, found }),
            _ => Ok(()),
        }
    }
}

/// Every rotation of a fixed column is a polynomial of its own, so that the key's packs are opened once. As few packs as their longest length allows, as
/// even as can be.
fn key_packs(queries: &[(usize, i32)], preprocessed: usize) -> Result<Vec<Pack>, PackedError> {
    let of_key = queries.iter().filter(|query| query.0 < preprocessed);
    let members: BTreeSet<Member> = of_key
        .map(|&(poly, rotation)| Member { poly, rotation })
        .collect();
    let members: Vec<Member> = members.into_iter().collect();
    let count = members.len().div_ceil(MOST_OF_KEY).max(1);
    let chunks = members.chunks(members.len().div_ceil(count).max(1));
    let packs: Vec<Pack> = chunks
        .map(|chunk| Pack::of_columns(chunk.to_vec(), vec![0]))
        .collect();
    // The verifier finds a pack by its first polynomial.
    let first = packs
        .iter()
        .map(|pack| pack.members.first().map(|m| m.poly));
    let distinct: BTreeSet<_> = first.collect();
    match packs.is_empty() || distinct.len() < packs.len() {
        true => Err(PackedError::Protocol {
            reason: "no fixed column, or one that constraints read at many rotations",
        }),
        false => Ok(packs),
    }
}
