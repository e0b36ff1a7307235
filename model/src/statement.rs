//! The public statement, its field encoding, and the two published commitments.
//!
//! The order of its fields is fixed here and mirrored by `StatementLib.sol`: program digest, weight
//! commitment, input commitment, output words. [`crate::public`] lays out the on-chain instances.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::{Field, PrimeField};
use serde::{Deserialize, Serialize};

use crate::program::{ACTIVATION_BOUND, Program, SHORT_VOCAB, TensorId, WORD_BOUND};
use laminate_engine::backend::Backend;
use laminate_engine::field::{fr_from_i64, pow2};
use laminate_engine::switch::on;
use laminate_engine::transcript::{Domain, hash};

/// Fields of the statement before the output words.
pub const STATEMENT_HEAD: usize = 3;
/// 16-bit values packed into one field element.
pub const VALUES_PER_WORD: usize = 15;
/// Bits of a packed value.
pub const VALUE_BITS: usize = 16;

/// The statement: "I know weights opening `weight_commitment` and an input opening
/// `input_commitment`, such that the program gives the packed output".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement<S> {
    /// [`Program::digest`].
    pub program_digest: S,
    /// See [`weight_commitment`].
    pub weight_commitment: S,
    /// See [`input_commitment`].
    pub input_commitment: S,
    /// See [`boundary_commitment`]: what a shard reads, unless that is tokens. Files of single proofs
    /// are not of shards and leave both boundaries out.
    #[serde(skip, default = "absent")]
    pub boundary_in: Option<S>,
    /// What a shard gives out, unless that is tokens.
    #[serde(skip, default = "absent")]
    pub boundary_out: Option<S>,
    /// Binding words ([`crate::binding`]), the packed input as far as it is public, the packed output ([`pack`]) or, if that
    /// is hidden, its commitment ([`output_commitment`]); [`output_words`] of them.
    pub output_words: Vec<S>,
}

fn absent<S>() -> Option<S> {
    None
}

impl<S> Statement<S> {
    /// The boundaries that there are, the input's first.
    pub fn boundaries(&self) -> impl Iterator<Item = &S> {
        self.boundary_in.iter().chain(&self.boundary_out)
    }
}

impl<S: Clone> Statement<S> {
    /// All fields in their order.
    pub fn fields(&self) -> Vec<S> {
        let head = [
            &self.program_digest,
            &self.weight_commitment,
            &self.input_commitment,
        ];
        head.into_iter()
            .chain(self.boundaries())
            .chain(&self.output_words)
            .cloned()
            .collect()
    }

    /// The inverse of [`Self::fields`] for a statement with boundaries at the `ends` given ([`ends`]) and
    /// `words` output words; none if it has another number of fields.
    pub fn of_fields(fields: &[S], ends: [bool; 2], words: usize) -> Option<Self> {
        let boundaries = ends.iter().filter(|end| **end).count();
        if fields.len() != STATEMENT_HEAD + boundaries + words {
            return None;
        }
        let mut fields = fields.iter().cloned();
        let (program_digest, weight_commitment) = (fields.next()?, fields.next()?);
        let input_commitment = fields.next()?;
        let [boundary_in, boundary_out] = ends.map(|end| if end { fields.next() } else { None });
        Some(Self {
            program_digest,
            weight_commitment,
            input_commitment,
            boundary_in,
            boundary_out,
            output_words: fields.collect(),
        })
    }

    /// [`Self::of_fields`] for a statement of `program`.
    pub fn of_program(program: &Program, fields: &[S]) -> Option<Self> {
        Self::of_fields(fields, ends(program), output_words(program))
    }
}

/// How values are packed into words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// Fifteen of 16 bits.
    #[default]
    Short,
    /// Seven of 32 bits: ids of a vocabulary of more than 2^16 tokens.
    Long,
    /// Seven int32: rows of 32 bits.
    Wide,
}

impl Packing {
    /// That of a program's inputs.
    pub fn of_input(program: &Program) -> Self {
        Self::of(program, program.input)
    }

    /// That of a program's outputs, and of all that is public.
    pub fn of_output(program: &Program) -> Self {
        Self::of(program, program.output)
    }

    fn of(program: &Program, end: TensorId) -> Self {
        match program.sequence {
            Some(sequence) if sequence.vocab > SHORT_VOCAB => Self::Long,
            None if program.is_wide(end) => Self::Wide,
            _ => Self::Short,
        }
    }

    /// What is added to a value before it is packed.
    pub fn offset(self) -> i64 {
        match self {
            Self::Short | Self::Long => ACTIVATION_BOUND,
            Self::Wide => WORD_BOUND,
        }
    }

    /// Tells packings apart in an input commitment: the bits of a value, and one more for a sign.
    pub fn tag(self) -> u64 {
        match self {
            Self::Short | Self::Long => self.bits() as u64,
            Self::Wide => self.bits() as u64 + 1,
        }
    }

    /// Bits of a packed value.
    pub fn bits(self) -> usize {
        match self {
            Self::Short => VALUE_BITS,
            Self::Long | Self::Wide => 32,
        }
    }

    /// Values in a word.
    pub fn per_word(self) -> usize {
        match self {
            Self::Short => VALUES_PER_WORD,
            Self::Long | Self::Wide => 7,
        }
    }

    /// Number of words that hold `values` packed values.
    pub fn words(self, values: usize) -> usize {
        values.div_ceil(self.per_word())
    }

    /// The values as the contracts count them: in fields of 16 bits, fifteen a word. A long value
    /// takes two, and full words of long values leave their last field empty.
    pub fn fields(self, values: usize) -> usize {
        match self {
            Self::Short => values,
            Self::Long | Self::Wide => {
                let full = values.saturating_sub(1) / self.per_word();
                VALUES_PER_WORD * full + 2 * (values - self.per_word() * full)
            }
        }
    }

    /// The values that take so many fields; the inverse of [`Self::fields`].
    pub fn values(self, fields: usize) -> usize {
        match self {
            Self::Short => fields,
            Self::Long | Self::Wide => {
                let full = fields.saturating_sub(1) / VALUES_PER_WORD;
                self.per_word() * full + (fields - VALUES_PER_WORD * full) / 2
            }
        }
    }
}

/// Number of fields of a program's statement.
pub fn statement_len(program: &Program) -> usize {
    let boundaries = ends(program).iter().filter(|end| **end).count();
    STATEMENT_HEAD + boundaries + output_words(program)
}

/// Whether a program's statement has a boundary at its input and at its output: those of shards do,
/// where there are no tokens.
pub fn ends(program: &Program) -> [bool; 2] {
    program.ends().map(|(_, end)| end.is_boundary())
}

/// Number of output words of a program, those before the output's values included.
pub fn output_words(program: &Program) -> usize {
    let output = match program.binding.output_hidden {
        true => 1,
        false => Packing::of_output(program).words(program.output_len()),
    };
    lead_words(program) + output
}

/// Number of output words before those of the output's values: binding words, and those of a public input.
pub fn lead_words(program: &Program) -> usize {
    let input = Packing::of_input(program).words(program.public_input_len());
    program.binding.words() + input
}

/// Packs values `v` as `u = v + 2^15`, int32 as `v + 2^31`, of `bits` bits each: `Σ u_i·2^(bits·i)`.
pub fn pack<B: Backend>(backend: &mut B, packing: Packing, values: &[B::Scalar]) -> Vec<B::Scalar> {
    values
        .chunks(packing.per_word())
        .map(|chunk| {
            let mut constant = Fr::ZERO;
            let mut terms = Vec::with_capacity(chunk.len());
            for (i, value) in chunk.iter().enumerate() {
                let weight = pow2(packing.bits() * i);
                constant += weight * fr_from_i64(packing.offset());
                terms.push((weight, value.clone()));
            }
            backend.linear(constant, &terms)
        })
        .collect()
}

/// Reads `count` values back from packed words; `None` if there are too few words, or a value is none
/// of the packing.
pub fn unpack(packing: Packing, words: &[Fr], count: usize) -> Option<Vec<i32>> {
    if count > words.len().saturating_mul(packing.per_word()) {
        return None;
    }
    let mut out = Vec::with_capacity(count);
    let width = packing.bits() / 8;
    for i in 0..count {
        let bytes = words.get(i / packing.per_word())?.to_repr();
        let at = width * (i % packing.per_word());
        let field = bytes.get(at..at + width)?.iter().rev();
        let value = field.fold(0i64, |acc, byte| (acc << 8) + i64::from(*byte));
        out.push(i32::try_from(value - packing.offset()).ok()?);
    }
    Some(out)
}

/// The published weight commitment: `Poseidon(salt, number of rows, rows…)`. The rows are
/// public with every proof; their blinds hide even guessable weights.
pub fn weight_commitment<B: Backend>(
    backend: &mut B,
    salt: &B::Scalar,
    rows: &[B::Point],
) -> B::Scalar {
    let mut message = vec![salt.clone(), backend.constant(Fr::from(rows.len() as u64))];
    let hashed = if on("all rows of weights") {
        rows.len()
    } else {
        1
    };
    for row in rows.iter().take(hashed) {
        message.extend(backend.encode_point(row));
    }
    hash(backend, Domain::WeightCommitment, &message)
}

/// The commitment to the residual stream between two shards: `Poseidon(number of rows, rows…)`, over the
/// trace rows that hold it and nothing else. Their blinds hide it.
pub fn boundary_commitment<B: Backend>(backend: &mut B, rows: &[B::Point]) -> B::Scalar {
    let mut message = vec![backend.constant(Fr::from(rows.len() as u64))];
    let hashed = if on("all rows of a boundary") {
        rows.len()
    } else {
        1
    };
    for row in rows.iter().take(hashed) {
        message.extend(backend.encode_point(row));
    }
    hash(backend, Domain::Boundary, &message)
}

/// The input commitment: `Poseidon(salt, number of values, tag of the packing, packed values…)`,
/// values row-major `(slots, width)`. With the tag, words open as values of one packing only.
pub fn input_commitment<B: Backend>(
    backend: &mut B,
    packing: Packing,
    salt: &B::Scalar,
    values: &[B::Scalar],
) -> B::Scalar {
    values_commitment(backend, Domain::InputCommitment, packing, salt, values)
}

/// The commitment to a hidden output: as that to an input, in a domain of its own, so that no output opens as an input.
pub fn output_commitment<B: Backend>(
    backend: &mut B,
    packing: Packing,
    salt: &B::Scalar,
    values: &[B::Scalar],
) -> B::Scalar {
    values_commitment(backend, Domain::OutputCommitment, packing, salt, values)
}

fn values_commitment<B: Backend>(
    backend: &mut B,
    domain: Domain,
    packing: Packing,
    salt: &B::Scalar,
    values: &[B::Scalar],
) -> B::Scalar {
    let mut message = vec![
        salt.clone(),
        backend.constant(Fr::from(values.len() as u64)),
        backend.constant(Fr::from(packing.tag())),
    ];
    message.extend(pack(backend, packing, values));
    hash(backend, domain, &message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use laminate_engine::backend::Native;

    #[test]
    fn packing_round_trips_at_the_bounds() {
        let values: Vec<i32> = (0..31)
            .map(|i| [-(1 << 15), 0, (1 << 15) - 1][i % 3])
            .collect();
        let scalars: Vec<Fr> = values.iter().map(|v| fr_from_i64((*v).into())).collect();
        let words = pack(&mut Native, Packing::Short, &scalars);
        assert_eq!(words.len(), 3);
        assert_eq!(unpack(Packing::Short, &words, values.len()), Some(values));
        assert_eq!(unpack(Packing::Short, &words, 46), None);
    }

    /// A commitment to rows is one to each of them, in their order, and to their number.
    #[test]
    fn commitments_are_to_all_rows() {
        use halo2curves_axiom::bn256::G1Affine;
        let point = |n: u64| G1Affine::from(G1Affine::generator() * Fr::from(n));
        let rows: Vec<G1Affine> = (1..5).map(point).collect();
        let salt = Fr::from(9);
        let of = |rows: &[G1Affine]| {
            [
                boundary_commitment(&mut Native, rows),
                weight_commitment(&mut Native, &salt, rows),
            ]
        };
        let mut others = vec![rows[..3].to_vec(), rows[1..].to_vec()];
        for i in 0..rows.len() {
            let mut other = rows.clone();
            other[i] = point(77);
            others.push(other);
            let mut other = rows.clone();
            other.swap(i, (i + 1) % rows.len());
            others.push(other);
        }
        let honest = of(&rows);
        for (i, other) in others.iter().enumerate() {
            let found = of(other);
            assert!(found.iter().zip(&honest).all(|(a, b)| a != b), "rows {i}");
        }
        let [boundary, weights] = honest;
        assert_ne!(boundary, weights);
        assert_ne!(weight_commitment(&mut Native, &Fr::from(8), &rows), weights);
    }

    #[test]
    fn fields_are_read_back() {
        for ends in [[false, false], [false, true], [true, false], [true, true]] {
            for words in 0..3u64 {
                let statement = Statement {
                    program_digest: 1,
                    weight_commitment: 2,
                    input_commitment: 3,
                    boundary_in: ends[0].then_some(4),
                    boundary_out: ends[1].then_some(5),
                    output_words: (6..6 + words).collect(),
                };
                let mut fields = statement.fields();
                let read = Statement::of_fields(&fields, ends, words as usize);
                assert_eq!(read, Some(statement));
                fields.push(9);
                assert_eq!(Statement::of_fields(&fields, ends, words as usize), None);
                fields.truncate(fields.len() - 2);
                assert_eq!(Statement::of_fields(&fields, ends, words as usize), None);
            }
        }
    }

    #[test]
    fn fields_are_what_the_contracts_count() {
        assert_eq!(
            [1, 7, 8, 14, 15].map(|n| Packing::Long.fields(n)),
            [2, 14, 17, 29, 32]
        );
        for packing in [Packing::Short, Packing::Long, Packing::Wide] {
            for values in 0..50 {
                let fields = packing.fields(values);
                assert_eq!(packing.values(fields), values);
                assert_eq!(fields.div_ceil(VALUES_PER_WORD), packing.words(values));
            }
        }
    }

    /// Values of one packing whose words are those of as many other values in the other one.
    #[test]
    fn input_commitments_are_of_one_packing() {
        let stored = |values: &[i64]| -> Vec<Fr> {
            let values = values.iter().map(|v| fr_from_i64(*v - ACTIVATION_BOUND));
            values.collect()
        };
        for (short, long) in [
            (vec![5, 7], vec![5 + (7 << 16), 0]),
            (vec![1, 2, 3, 0], vec![1 + (2 << 16), 3, 0, 0]),
            (vec![9], vec![9]),
        ] {
            let [short, long] = [stored(&short), stored(&long)];
            let words = [(Packing::Short, &short), (Packing::Long, &long)]
                .map(|(packing, values)| pack(&mut Native, packing, values));
            assert_eq!(
                (words[0].clone(), short.len()),
                (words[1].clone(), long.len())
            );
            let [a, b] = [(Packing::Short, &short), (Packing::Long, &long)]
                .map(|(packing, values)| input_commitment(&mut Native, packing, &Fr::ONE, values));
            assert_ne!(a, b, "one commitment opens as two inputs");
            let [c, d] = [(Packing::Short, &short), (Packing::Long, &long)]
                .map(|(packing, values)| output_commitment(&mut Native, packing, &Fr::ONE, values));
            assert_ne!(c, d, "one commitment opens as two outputs");
            assert_ne!(a, c, "one commitment opens as an input and as an output");
        }
    }

    #[test]
    fn wide_packing_round_trips_and_is_no_other() {
        let values = [i32::MIN, -1, 0, 1, i32::MAX, 7, 8, i32::MIN + 1];
        let scalars: Vec<Fr> = values.iter().map(|v| fr_from_i64((*v).into())).collect();
        let words = pack(&mut Native, Packing::Wide, &scalars);
        assert_eq!(words.len(), Packing::Wide.words(8));
        assert_eq!(words[1], Fr::from(1));
        assert_eq!(unpack(Packing::Wide, &words, 8), Some(values.to_vec()));
        // As many ids whose words are the same.
        let ids: Vec<Fr> = values
            .iter()
            .map(|v| fr_from_i64(i64::from(*v) + WORD_BOUND - ACTIVATION_BOUND))
            .collect();
        assert_eq!(pack(&mut Native, Packing::Long, &ids), words);
        let [wide, long] = [(Packing::Wide, &scalars), (Packing::Long, &ids)]
            .map(|(packing, values)| input_commitment(&mut Native, packing, &Fr::ONE, values));
        assert_ne!(wide, long, "one commitment opens as two inputs");
    }

    #[test]
    fn long_packing_round_trips() {
        let ids = [0i64, 65_535, 65_536, (1 << 18) - 1, 1, 2, 3, 70_000];
        let values: Vec<i64> = ids.map(|id| id - ACTIVATION_BOUND).to_vec();
        let scalars: Vec<Fr> = values.iter().map(|v| fr_from_i64(*v)).collect();
        let words = pack(&mut Native, Packing::Long, &scalars);
        assert_eq!(words.len(), Packing::Long.words(8));
        assert_eq!(words[1], Fr::from(70_000));
        let read = unpack(Packing::Long, &words, 8).unwrap();
        assert!(read.iter().map(|v| i64::from(*v)).eq(values));
        assert_eq!(unpack(Packing::Long, &words, 15), None);
        assert_eq!(unpack(Packing::Long, &[-Fr::ONE], 1), None);
    }
}
