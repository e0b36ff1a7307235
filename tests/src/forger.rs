//! A cheating prover: the honest prover's steps over columns, values and a statement that a test has
//! altered. What it makes is as consistent as a forger can make it without breaking an assumption.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::field::{Point, fr_from_i64};
use laminate_engine::fold::{self as protocol_fold, FoldMode};
use laminate_engine::geometry::Block;
use laminate_engine::joint::JointProof;
use laminate_engine::lookup::LookupProof;
use laminate_engine::poly;
use laminate_engine::transcript::Transcript;
use laminate_model::credential::Membership;
use laminate_model::program::{Program, padded_index, padded_log};
use laminate_model::proof::NativeProof;
use laminate_model::statement::{self, Packing, Statement};
use laminate_model::verify::Verifier;
use laminate_prover::columns::{Columns, TraceColumns, WeightColumns};
use laminate_prover::exec::{self, Executor, Rows, Trace};
use laminate_prover::fold;
use laminate_prover::joint::{self, Inputs};
use laminate_prover::prove::{Links, Model, WeightSecret};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::{Case, TestSrs};

mod audit;
mod elements;

pub use elements::{At, element, signed};

/// Everything that a prover puts together before its first message; alter any field, then
/// [`Forger::refused`].
#[derive(Clone, Debug)]
pub struct Forger {
    /// The verifier that will judge.
    pub verifier: Verifier,
    /// Weight columns that the layers are proven with.
    pub weights: WeightColumns,
    /// The published weight commitment's opening.
    pub secret: WeightSecret,
    /// Trace columns, as they are committed.
    pub trace: TraceColumns,
    /// Columns as the leaves of the lookup tree tell them, where that is not as they are committed.
    pub told: Vec<(Block, Vec<Fr>)>,
    /// Salt of the transcript.
    pub transcript_salt: Fr,
    /// Salt of the input commitment.
    pub input_salt: Fr,
    /// Claimed input, `(slots, width)`; the tokens of a sequence.
    pub input: Vec<Fr>,
    /// Claimed output, `(slots, width)`.
    pub output: Vec<Fr>,
    /// Salt of the commitment to a hidden output.
    pub output_salt: Option<Fr>,
    /// Input and output token of every slot that the layers are proven with; none for programs without.
    pub known: [Vec<usize>; 2],
    /// What shows that the input is a credential's; the binding words of the statement are altered apart.
    pub membership: Option<Membership<Fr>>,
    /// The statement.
    pub statement: Statement<Fr>,
}

impl Forger {
    /// A prover who has run `case` honestly.
    pub fn new(case: &Case, srs: &TestSrs) -> Self {
        Self::with_trace(
            case,
            &exec::run(&case.program, &case.weights, &case.inputs).expect("run"),
            srs,
        )
    }

    /// A prover who claims that `trace` is a run of `case`.
    pub fn with_trace(case: &Case, trace: &Trace, srs: &TestSrs) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(77);
        let model = Model::new(case.program.clone(), &case.weights).expect("model");
        let secret = model.commit(&srs.powers, &mut rng).expect("commit");
        let verifier = model.verifier;
        let weights = WeightColumns::new(&case.program, &verifier.layout, &case.weights);
        let program = &case.program;
        let (layout, trees) = (&verifier.layout, &verifier.trees);
        let columns = TraceColumns::new(program, layout, trees, &weights, trace, &mut rng);
        let mut input = values(program, trace, program.input);
        input.truncate(program.input_len());
        let mut output = values(program, trace, program.output);
        output.truncate(program.proof_output_len());
        let mut forger = Self {
            input,
            output,
            known: trace.known(program),
            statement: Statement {
                program_digest: verifier.digest,
                weight_commitment: secret.commitment(),
                input_commitment: Fr::ZERO,
                boundary_in: None,
                boundary_out: None,
                output_words: vec![],
            },
            membership: None,
            verifier,
            weights,
            secret,
            trace: columns,
            told: vec![],
            transcript_salt: Fr::random(&mut rng),
            input_salt: Fr::random(&mut rng),
            output_salt: None,
        };
        let hidden = program.binding.output_hidden;
        forger.output_salt = hidden.then(|| Fr::random(&mut rng));
        forger.restate();
        forger.link(&Links::default(), srs);
        forger
    }

    /// Takes the blinds of a shard's boundaries and states the commitments to them.
    pub fn link(&mut self, links: &Links, srs: &TestSrs) {
        let verifier = &self.verifier;
        if verifier.layout.boundaries.is_empty() {
            return;
        }
        self.trace.link(&verifier.layout, links);
        let row_log = verifier.layout.geometry.row_log;
        let rows = self.trace.commit(row_log, &srs.powers);
        self.statement.boundary_in = verifier.boundary_commitment(true, &rows);
        self.statement.boundary_out = verifier.boundary_commitment(false, &rows);
    }

    /// Makes the statement claim the current input and output; its binding words stay.
    pub fn restate(&mut self) {
        let program = &self.verifier.program;
        let packing = Packing::of_input(program);
        self.statement.input_commitment =
            statement::input_commitment(&mut Native, packing, &self.input_salt, &self.input);
        let verifier = &self.verifier;
        let bound = verifier.program.binding.words();
        let words = &mut self.statement.output_words;
        words.resize(bound, Fr::ZERO);
        let salt = self.output_salt.as_ref();
        words.extend(verifier.value_words(&mut Native, &self.input, &self.output, salt));
    }

    /// Commits to altered weights, as whoever registers a model can.
    pub fn register(&mut self, srs: &TestSrs, change: impl FnOnce(&mut [u8])) {
        change(&mut self.weights.bytes);
        self.publish(srs);
    }

    /// Commits to altered words of the first table.
    pub fn register_words(&mut self, srs: &TestSrs, change: impl FnOnce(&mut [u32])) {
        change(&mut self.weights.words[0].1);
        self.publish(srs);
    }

    fn publish(&mut self, srs: &TestSrs) {
        let row_log = self.verifier.layout.geometry.row_log;
        let blinds = self.secret.blinds(self.secret.rows.len());
        let rows = self.weights.commit(row_log, &blinds, &srs.powers);
        self.secret.rows = rows.into_iter().map(Point).collect();
        self.statement.weight_commitment = self.secret.commitment();
        self.recount();
    }

    /// The columns that layers are proven with.
    pub fn columns(&self) -> Columns<'_> {
        let blinds = self.secret.blinds(self.secret.rows.len());
        Columns::new(&self.weights, &self.trace, blinds)
    }

    /// Recounts the lookups after committed limbs were altered.
    pub fn recount(&mut self) {
        let verifier = &self.verifier;
        self.trace.recount(&verifier.trees, &self.weights);
    }

    /// Overwrites entry `index` of a committed block of the trace.
    pub fn set_limb(&mut self, block: Block, index: usize, limb: u16) {
        self.trace.values[block.offset + index] = limb;
    }

    /// Commits to `values`, which may have more than 16 bits, in place of a block of limbs. Lookups are
    /// counted before: no table has an entry for what is larger.
    pub fn enlarge(&mut self, block: Block, values: Vec<u32>) {
        self.trace.values[block.offset..block.offset + (1 << block.log)].fill(0);
        self.trace.multiplicities.push((block, values));
    }

    /// The proof, messages computed as an honest prover would from these columns.
    pub fn prove(&self, srs: &TestSrs, mode: FoldMode) -> NativeProof {
        self.prove_with(srs, mode, |_, _| {})
    }

    /// As [`Self::prove`]; `answer(proof, points)` may still choose the claimed input and output after
    /// seeing the points at which they are compared with the trace.
    pub fn prove_with(
        &self,
        srs: &TestSrs,
        mode: FoldMode,
        answer: impl FnOnce(&mut NativeProof, &Openings),
    ) -> NativeProof {
        let layout = &self.verifier.layout;
        let row_log = layout.geometry.row_log;
        let trace_rows = self.trace.commit(row_log, &srs.powers);
        let columns = self.columns();
        let (mut main, seed) = self.start(&trace_rows);
        let (proofs, mut parts, mut states) = self.relations(mode, &columns, &seed);
        let mut lookups = vec![];
        for tree in &self.verifier.trees {
            let mut transcript = Transcript::fork(&mut Native, &seed, parts.len());
            let (lookup, claims) = self.lookup(&mut transcript, tree, &columns);
            states.push(transcript.challenge(&mut Native, "final state"));
            parts.push(claims);
            lookups.push(lookup);
        }
        let mut transcript = Transcript::fork(&mut Native, &seed, parts.len());
        let boundary = boundary(&mut transcript, &self.verifier, &columns);
        states.push(transcript.challenge(&mut Native, "final state"));
        let points = boundary.iter().map(|c| c.point.clone()).collect();
        let before = parts.iter().map(Vec::len).sum();
        parts.push(boundary);
        main.absorb("final states of the parts", &states);
        // The first group's challenge is all that a forger waits for; a copy leaves `main` alone.
        let groups = protocol_fold::group(mode, parts);
        let eta = self.eta(&trace_rows, &states);
        let openings = groups
            .iter()
            .map(|claims| fold::prove(&mut main, &layout.geometry, &columns, &srs.powers, claims))
            .collect();
        let mut proof = self.assemble(mode, trace_rows, proofs, lookups);
        proof.openings = openings;
        answer(
            &mut proof,
            &Openings {
                points,
                eta,
                before,
            },
        );
        proof
    }

    /// What relations are proven from.
    pub fn inputs<'a>(&'a self, columns: &'a Columns<'a>) -> Inputs<'a> {
        Inputs {
            columns,
            // Sums are those of the columns, however they were altered.
            kept: &[],
            known: &self.known,
        }
    }

    /// Tokens of every slot as bits, most significant first.
    pub fn known_bits(&self) -> [Vec<Vec<Fr>>; 2] {
        let vocab = self
            .verifier
            .program
            .sequence
            .map_or(1, |s| s.vocab as usize);
        let log = padded_log(vocab);
        let bit = |id: usize, i: usize| Fr::from((id >> (log - 1 - i) & 1) as u64);
        let bits = |ids: &Vec<usize>| {
            let ids = ids.iter();
            ids.map(|id| (0..log).map(|i| bit(*id, i)).collect())
                .collect()
        };
        self.known.each_ref().map(bits)
    }

    /// Proofs of relations, the claims that they leave, and the final states of their transcripts.
    fn relations(&self, mode: FoldMode, columns: &Columns<'_>, seed: &Fr) -> Relations {
        let (mut proofs, mut parts, mut states) = (vec![], vec![], vec![]);
        let inputs = self.inputs(columns);
        let joints = self.verifier.joints(mode).expect("relations");
        for (index, joint) in joints.iter().enumerate() {
            let mut transcript = Transcript::fork(&mut Native, seed, index);
            let (proof, claims) = joint::prove(&mut transcript, &inputs, joint);
            states.push(transcript.challenge(&mut Native, "final state"));
            proofs.push(proof);
            parts.push(claims);
        }
        (proofs, parts, states)
    }

    /// The check that refuses the proof, if one does. What comes after the roots of the lookup trees is
    /// computed only if all is well up to there.
    pub fn refusal(&self, srs: &TestSrs) -> Option<VerifyError> {
        let row_log = self.verifier.layout.geometry.row_log;
        let trace_rows = self.trace.commit(row_log, &srs.powers);
        let columns = self.columns();
        let (_, seed) = self.start(&trace_rows);
        let relations = self.relations(FoldMode::On, &columns, &seed).0;
        let trees = self.verifier.trees.iter().enumerate();
        let lookups = trees.map(|(i, tree)| {
            let mut transcript = Transcript::fork(&mut Native, &seed, relations.len() + i);
            self.root(&mut transcript, tree, &columns)
        });
        let lookups = lookups.collect();
        let proof = self.assemble(FoldMode::On, trace_rows, relations, lookups);
        let early = self
            .verifier
            .verify_native(&self.statement, &proof, &srs.tau_g2);
        let unfinished = |e: &VerifyError| {
            let check = Check::Sumcheck("lookup layer");
            matches!(e, VerifyError::Check { check: c } if *c == check || *c == Check::LookupLeaves)
        };
        let early = early.err().filter(|e| !unfinished(e));
        early.or_else(|| self.verdict(srs, FoldMode::On).err())
    }

    /// The main transcript up to the seed, and the seed.
    fn start(&self, trace_rows: &[G1Affine]) -> (Transcript<Native>, Fr) {
        let verifier = &self.verifier;
        let salt = &self.transcript_salt;
        let (statement, output) = (&self.statement, &self.output);
        verifier.start(&mut Native, salt, statement, output, trace_rows)
    }

    /// The challenge that batches the claims of a folded proof.
    fn eta(&self, trace_rows: &[G1Affine], states: &[Fr]) -> Fr {
        let (mut main, _) = self.start(trace_rows);
        main.absorb("final states of the parts", states);
        main.challenge(&mut Native, "batching eta")
    }

    /// A proof without openings.
    fn assemble(
        &self,
        mode: FoldMode,
        trace_rows: Vec<G1Affine>,
        relations: Vec<JointProof<Fr>>,
        lookups: Vec<LookupProof<Fr>>,
    ) -> NativeProof {
        NativeProof {
            mode,
            transcript_salt: self.transcript_salt,
            weight_salt: self.secret.salt.0,
            weight_rows: self.secret.rows.iter().map(|p| p.0).collect(),
            input_salt: self.input_salt,
            input: self.input.clone(),
            output: self.output.clone(),
            output_salt: self.output_salt,
            membership: self.membership.clone(),
            trace_rows,
            relations,
            lookups,
            openings: vec![],
        }
    }

    /// Proves and verifies.
    ///
    /// # Errors
    /// The verifier's refusal.
    pub fn verdict(&self, srs: &TestSrs, mode: FoldMode) -> Result<(), VerifyError> {
        let proof = self.prove(srs, mode);
        self.verifier
            .verify_native(&self.statement, &proof, &srs.tau_g2)
    }

    /// Whether the forgery is refused.
    pub fn refused(&self, srs: &TestSrs) -> bool {
        self.verdict(srs, FoldMode::On).is_err()
    }

    /// Whether the forgery is refused in both modes; the second costs an opening for each layer.
    pub fn refused_in_both(&self, srs: &TestSrs) -> bool {
        self.refused(srs) && self.verdict(srs, FoldMode::Off).is_err()
    }
}

type Relations = (Vec<JointProof<Fr>>, Vec<Vec<EvalClaim<Fr>>>, Vec<Fr>);

/// What a forger knows of the boundary's claims when it answers.
#[derive(Clone, Debug)]
pub struct Openings {
    /// Points of input and output; none for a sequence.
    pub points: Vec<Vec<Fr>>,
    /// Batching challenge of the single group.
    pub eta: Fr,
    /// Number of claims before those of the boundary.
    pub before: usize,
}

fn boundary(
    transcript: &mut Transcript<Native>,
    verifier: &Verifier,
    columns: &Columns<'_>,
) -> Vec<EvalClaim<Fr>> {
    if verifier.program.is_weights_only() {
        return vec![];
    }
    if verifier.program.sequence.is_some() {
        return verifier.shard_claims(&mut Native, transcript);
    }
    [verifier.program.input, verifier.program.output]
        .into_iter()
        .map(|id| {
            let view = verifier.boundary_view(id);
            let point = transcript.challenges(&mut Native, "boundary point", view.log());
            let value = poly::evaluate(&columns.values(&view), &point);
            EvalClaim { view, point, value }
        })
        .collect()
}

/// Unpadded values of a tensor of `trace`, `(slots, width)`.
pub fn values(program: &Program, trace: &Trace, id: usize) -> Vec<Fr> {
    if program.is_weights_only() {
        return vec![];
    }
    let tensor = &program.tensors[id];
    let places: Vec<usize> = (0..tensor.width())
        .map(|flat| padded_index(&tensor.axes, flat))
        .collect();
    let rows = trace.tensors[id].chunks(1 << tensor.width_log());
    rows.flat_map(|row| places.iter().map(|at| fr_from_i64(row[*at].into())))
        .collect()
}

/// Recomputes every node after `from`, so that an altered tensor is used consistently. `None` if a
/// value leaves its range.
///
/// # Panics
/// For a program over a sequence.
pub fn rerun(case: &Case, trace: &mut Trace, from: usize) -> Option<()> {
    let program = &case.program;
    assert!(program.sequence.is_none(), "sequences are not rerun");
    let executor = Executor::new(program, &case.weights).expect("a model");
    let slots = 0..program.slots();
    for (index, node) in program.nodes.iter().enumerate().skip(from + 1) {
        let operand = |id: &usize| Rows {
            values: &trace.tensors[*id],
            first: 0,
            width: 1 << program.tensors[*id].width_log(),
        };
        let operands: Vec<Rows<'_>> = node.inputs.iter().map(operand).collect();
        let computed = executor.step(index, 0, slots.clone(), &operands).ok()?;
        trace.tensors[node.output] = computed.values;
        trace.aux[index] = computed.aux;
    }
    Some(())
}
